package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;
import org.espalier.runtime.Providers;
import org.espalier.runtime.quantisation.tuning.TunedValues;

/** Joins the shards of a quantisation: the file is that of a single run, to the last bit. */
public final class Merge {
  private Merge() {}

  /**
   * Joins shards. What the file depends on, they have recorded; they are left as they are.
   *
   * @param model that they were made from
   * @param shards their folders, in any order
   * @param format of the new file
   * @return what became of every matrix, in the order of the file
   * @throws InvalidRequest when a shard is missing, unfinished, or made with other options
   */
  public static List<MatrixReport> run(
      Path model,
      List<Path> shards,
      Path target,
      Providers providers,
      ModelFormat format,
      QuantizationListener listener) {
    Map<String, String> description = agreed(shards);
    Codec codec = codec(description.getOrDefault("codec", ""), providers);
    try (ModelSource source = ModelSource.open(model, providers)) {
      if (!source.fingerprint().equals(description.get("model"))) {
        throw new InvalidRequest("the shards were not made from " + model);
      }
      QuantizationOptions options = RecordedOptions.read(description, providers.codecs());
      Results results = unit -> result(shards, unit);
      List<MatrixReport> reports = new ArrayList<>();
      for (Operator operator : source.operators(codec, options.recipe())) {
        operator.units().forEach(unit -> reports.add(report(unit, results)));
      }
      List<MatrixReport> ordered =
          reports.stream().sorted(Comparator.comparingInt(r -> r.operator().layer())).toList();
      ordered.forEach(listener::finished);
      new Assembly(source, codec, options, description, results, listener)
          .write(target, format, ordered, TunedValues.NONE, 0)
          .verify(target, providers);
      return ordered;
    }
  }

  private static Map<String, String> agreed(List<Path> shards) {
    Map<String, String> agreed = new LinkedHashMap<>();
    Map<Integer, Path> found = new TreeMap<>();
    int count = 0;
    for (Path shard : shards) {
      Map<String, String> description =
          new LinkedHashMap<>(
              WorkFolder.description(shard)
                  .orElseThrow(() -> new InvalidRequest(shard + " is no shard")));
      String[] share = description.getOrDefault("shard", "").split("/", 2);
      if (share.length != 2 || !(share[0] + share[1]).matches("[0-9]{2,9}")) {
        throw new InvalidRequest(shard + " is no shard, but the work of a single run");
      }
      description.remove("shard");
      description.put("shards", share[1]);
      if (agreed.isEmpty()) {
        agreed.putAll(description);
      }
      requireSame(shards.getFirst(), agreed, shard, description);
      count = Integer.parseInt(share[1]);
      found.put(Integer.parseInt(share[0]), shard);
    }
    List<Integer> missing = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      if (!found.containsKey(i)) {
        missing.add(i);
      }
    }
    if (!missing.isEmpty() || count == 0) {
      throw new InvalidRequest(
          count == 0
              ? "there are no shards to join"
              : "of %d shards %s are missing".formatted(count, missing));
    }
    return agreed;
  }

  private static void requireSame(
      Path first, Map<String, String> agreed, Path shard, Map<String, String> description) {
    agreed.forEach((name, value) -> {
      String other = description.getOrDefault(name, "nothing");
      if (!other.equals(value)) {
        throw new InvalidRequest(
            "%s and %s do not belong together: %s is %s in one and %s in the other"
                .formatted(first, shard, name, value, other));
      }
    });
  }

  private static Codec codec(String id, Providers providers) {
    return providers.codecs().stream()
        .filter(codec -> codec.id().value().equals(id))
        .findFirst()
        .orElseThrow(() ->
            new InvalidRequest("the shards need the codec %s, which is not here".formatted(id)));
  }

  private static Optional<UnitFile.Result> result(List<Path> shards, Operator.Unit unit) {
    return shards.stream()
        .map(shard -> WorkFolder.result(shard, unit))
        .flatMap(Optional::stream)
        .findFirst();
  }

  private static MatrixReport report(Operator.Unit unit, Results results) {
    return MatrixReport.of(
        unit,
        results
            .result(unit)
            .orElseThrow(() ->
                new InvalidRequest(
                    "%s is in none of the shards: the one that it belongs to is unfinished, go on with it with --resume"
                        .formatted(unit.name()))));
  }
}
