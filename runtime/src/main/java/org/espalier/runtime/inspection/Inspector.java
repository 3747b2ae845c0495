package org.espalier.runtime.inspection;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.espalier.api.EspalierException;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.Providers;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.jspecify.annotations.Nullable;

/**
 * Looks into model files without running them.
 *
 * @param providers that the files would be run with
 */
public record Inspector(Providers providers) {

  /**
   * What is in a file. That it cannot be run is part of the answer, not a failure.
   *
   * @throws EspalierException when no format can read it
   */
  public Inspection inspect(Path path) {
    try (OpenedFile file = OpenedFile.open(path, providers)) {
      Map<String, EncodedLinear> linearOf = file.linearOfTensor();
      List<StoredTensor> tensors =
          file.artifact().tensors().values().stream()
              .map(tensor -> stored(tensor, linearOf.get(tensor.name())))
              .toList();
      return new Inspection(
          path,
          file.artifact().format(),
          file.artifact().size(),
          file.artifact().metadata(),
          tensors,
          byType(tensors),
          reading(file, linearOf));
    }
  }

  /**
   * Reads every number of a file: plain tensors as they stand, linear operators as their codecs
   * decode them.
   *
   * @param begun receives the name of each tensor before it is read, which may take a while
   * @throws EspalierException when no format can read the file
   */
  public List<TensorCheck> check(Path path, Consumer<String> begun) {
    try (OpenedFile file = OpenedFile.open(path, providers)) {
      return new Checker(file, begun).run();
    }
  }

  private static StoredTensor stored(Tensor tensor, @Nullable EncodedLinear linear) {
    return new StoredTensor(
        tensor.name(),
        tensor.type().toString(),
        tensor.shape(),
        tensor.elements(),
        tensor.bytes().byteSize(),
        Optional.ofNullable(linear).map(known -> known.codec().value()));
  }

  private static List<Total> byType(List<StoredTensor> tensors) {
    Map<String, Total> totals = new LinkedHashMap<>();
    for (StoredTensor tensor : tensors) {
      String type = tensor.type();
      totals.put(
          type,
          totals
              .getOrDefault(type, new Total(type, 0, 0, 0))
              .plus(tensor.elements(), tensor.bytes()));
    }
    return largestFirst(totals);
  }

  private static List<Total> largestFirst(Map<String, Total> totals) {
    return totals.values().stream()
        .sorted(Comparator.comparingLong(Total::bytes).reversed().thenComparing(Total::name))
        .toList();
  }

  private static Reading reading(OpenedFile file, Map<String, EncodedLinear> linearOf) {
    List<String> repairs = new ArrayList<>();
    List<String> obstacles = new ArrayList<>();
    file.obstacle().ifPresent(obstacles::add);
    int tokens = 0;
    try {
      tokens =
          Tokenizer.of(
                  file.artifact().metadata(), TokenizerCompatibility.HUGGING_FACE, repairs::add)
              .size();
    } catch (EspalierException e) {
      obstacles.add(String.valueOf(e.getMessage()));
    }
    return new Reading(
        file.plan().map(ModelPlan::architecture),
        file.plan().map(ModelPlan::width).orElse(0),
        file.plan().map(ModelPlan::vocabulary).orElse(0),
        file.plan().map(ModelPlan::contextLength).orElse(0),
        file.plan().map(plan -> plan.stages().size()).orElse(0),
        byCodec(file, linearOf),
        tokens,
        repairs,
        obstacles);
  }

  private static List<Total> byCodec(OpenedFile file, Map<String, EncodedLinear> linearOf) {
    Map<EncodedLinear, Long> bytes = new IdentityHashMap<>();
    linearOf.forEach((name, linear) ->
        bytes.merge(linear, file.artifact().tensors().get(name).bytes().byteSize(), Long::sum));
    Map<String, Total> totals = new LinkedHashMap<>();
    bytes.forEach((linear, size) -> {
      String codec = linear.codec().value();
      totals.put(
          codec,
          totals
              .getOrDefault(codec, new Total(codec, 0, 0, 0))
              .plus(linear.shape().weights(), size));
    });
    return largestFirst(totals);
  }
}
