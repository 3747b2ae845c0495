package org.espalier.runtime.quantisation.pipeline;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.codec.Codec;
import org.espalier.runtime.quantisation.calibration.HessianPolicy;

/** The options as a work folder records them: names and values that people understand. */
final class RecordedOptions {
  private RecordedOptions() {}

  /** What the results of matrices depend on. */
  static Map<String, String> ofResults(QuantizationOptions options) {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("seed", Long.toString(options.seed()));
    values.put("hessian", Named.of(options.policy()));
    values.put("damping", Double.toString(options.damping()));
    values.put("refinements", Integer.toString(options.refinements()));
    values.put("objective", options.recipe().predictions() ? "predictions" : "outputs");
    values.put("weighting", options.recipe().gated() ? "gates" : "none");
    values.putAll(options.recipe().ofResults());
    return values;
  }

  /** What only the file depends on; a shard records it for whoever joins the shards. */
  static Map<String, String> ofFile(QuantizationOptions options) {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("tuning", Integer.toString(options.recipe().tuning()));
    values.put("compatible", Boolean.toString(options.compatible()));
    options.embeddings().ifPresent(type -> values.put("embeddings", Named.of(type)));
    options.name().ifPresent(name -> values.put("name", name.lines().findFirst().orElse("")));
    return values;
  }

  /**
   * The options that were recorded.
   *
   * @param codecs that there are
   * @throws InvalidRequest when they cannot be read
   */
  static QuantizationOptions read(Map<String, String> values, List<Codec> codecs) {
    try {
      return new QuantizationOptions(
          Long.parseLong(value(values, "seed")),
          constant(HessianPolicy.class, value(values, "hessian")),
          Double.parseDouble(value(values, "damping")),
          Integer.parseInt(value(values, "refinements")),
          recipe(values, codecs),
          Boolean.parseBoolean(value(values, "compatible")),
          Optional.ofNullable(values.get("embeddings"))
              .map(type -> constant(EmbeddingType.class, type)),
          Optional.ofNullable(values.get("name")),
          true,
          false,
          Optional.empty(),
          1,
          Optional.empty());
    } catch (IllegalArgumentException e) {
      throw new InvalidRequest(
          "the options that the shards were made with cannot be read (%s)"
              .formatted(e.getMessage()));
    }
  }

  private static Recipe recipe(Map<String, String> values, List<Codec> codecs) {
    return new Recipe(
        value(values, "objective").equals("predictions"),
        Optional.of(value(values, "weighting").equals("gates")),
        value(values, "inputs").equals("quantized"),
        Double.parseDouble(value(values, "shrinkage")),
        Optional.of(Double.parseDouble(value(values, "enlargement"))),
        Integer.parseInt(value(values, "tuning")),
        AttentionTypes.of(value(values, "attention"), codecs));
  }

  private static String value(Map<String, String> values, String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException("nothing is said about " + name);
    }
    return value;
  }

  private static <E extends Enum<E>> E constant(Class<E> type, String value) {
    return Enum.valueOf(type, value.toUpperCase(Locale.ROOT).replace('-', '_'));
  }
}
