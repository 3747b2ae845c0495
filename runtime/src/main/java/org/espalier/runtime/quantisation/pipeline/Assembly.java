package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelFormat;
import org.espalier.runtime.quantisation.tuning.TunedValues;

/**
 * Makes the file of finished results.
 *
 * @param description of the work, as its folder records it
 */
record Assembly(
    ModelSource source,
    Codec codec,
    QuantizationOptions options,
    Map<String, String> description,
    Results results,
    QuantizationListener listener) {

  /** How many rows of token table and head are kept. */
  int vocabulary() {
    return FileMetadata.vocabulary(source, options);
  }

  /**
   * Writes the file.
   *
   * @param tuned what is stored instead of the checkpoint's numbers
   * @param passes of tuning that the file says it has had
   * @return to be verified
   */
  ModelFile write(
      Path target, ModelFormat format, List<MatrixReport> reports, TunedValues tuned, int passes) {
    Metadata original = source.artifact().metadata();
    ModelFile file = new ModelFile(source, codec, results, options, vocabulary(), tuned, listener);
    Metadata metadata =
        options.compatible()
            ? FileMetadata.published(original, source.content(), options, vocabulary())
            : FileMetadata.complete(
                original, source.content(), options, provenance(reports, passes));
    file.write(target, format, metadata);
    return file;
  }

  private Map<String, MetadataValue> provenance(List<MatrixReport> reports, int passes) {
    Map<String, MetadataValue> values = new LinkedHashMap<>();
    values.put("codec", FileMetadata.text(codec.id().value()));
    source.operators(codec, options.recipe()).stream()
        .map(Operator::layout)
        .filter(Layout.Tiles.class::isInstance)
        .map(Layout.Tiles.class::cast)
        .findFirst()
        .ifPresent(tiles -> values.put("layout", FileMetadata.whole(tiles.packing().layout())));
    values.put("search", text("search"));
    values.put("seed", FileMetadata.wholeSigned(options.seed()));
    values.put("hessian", FileMetadata.text(Named.of(options.policy())));
    values.put("damping", FileMetadata.real(options.damping()));
    values.put("refinements", FileMetadata.whole(options.refinements()));
    Recipe recipe = options.recipe();
    values.put("objective", FileMetadata.text(recipe.predictions() ? "predictions" : "outputs"));
    values.put("weighting", FileMetadata.text(recipe.gated() ? "gates" : "none"));
    values.put("inputs", FileMetadata.text(recipe.quantizedInputs() ? "quantized" : "original"));
    values.put("shrinkage", FileMetadata.real(recipe.shrinkage()));
    values.put("enlargement", FileMetadata.real(recipe.scaling()));
    values.put("tuning", FileMetadata.whole(passes));
    values.put("attention", FileMetadata.text(recipe.attention().text()));
    values.put("calibration.data_sha256", text("data"));
    values.put("calibration.tokens_sha256", text("tokens"));
    values.put("calibration.sequences", number("sequences"));
    values.put("calibration.length", number("length"));
    Map<String, List<Double>> losses = new LinkedHashMap<>();
    reports.forEach(report ->
        losses.computeIfAbsent(report.tensor(), _ -> new ArrayList<>()).add(report.proxyLoss()));
    losses.forEach((tensor, list) -> values.put("proxy_loss." + tensor, FileMetadata.reals(list)));
    return values;
  }

  private MetadataValue text(String name) {
    return FileMetadata.text(description.getOrDefault(name, ""));
  }

  /** A number, as whoever saved it wrote it; 0 when it is none. */
  private MetadataValue number(String name) {
    String value = description.getOrDefault(name, "");
    return FileMetadata.whole(value.matches("[0-9]{1,18}") ? Long.parseLong(value) : 0);
  }
}
