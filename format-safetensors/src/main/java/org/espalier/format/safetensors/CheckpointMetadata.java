package org.espalier.format.safetensors;

import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Makes metadata of the JSON files of a checkpoint. */
final class CheckpointMetadata {
  private static final String PREFIX = "hf.";

  /** Members of tokenizer_config.json that appear under keys of their own, or as tokens. */
  private static final Set<String> ELSEWHERE = Set.of("added_tokens_decoder", "chat_template");

  private final Path folder;
  private final Collection<Tensor> tensors;
  private final Map<String, MetadataValue> entries = new LinkedHashMap<>();

  CheckpointMetadata(Path folder, Collection<Tensor> tensors) {
    this.folder = folder;
    this.tensors = tensors;
  }

  Metadata read() {
    JsonObject config = JsonObject.read(folder.resolve("config.json"));
    JsonObject generation = JsonObject.read(folder.resolve("generation_config.json"));
    JsonObject tokenizerConfig = JsonObject.read(folder.resolve("tokenizer_config.json"));
    JsonObject tokenizer = JsonObject.read(folder.resolve("tokenizer.json"));
    putText("general.architecture", config.text("model_type").orElse(""));
    putText("general.name", name());
    config.members().forEach((name, value) -> put(PREFIX + "config." + name, value));
    generation.members().forEach((name, value) -> put(PREFIX + "generation_config." + name, value));
    tokenizerConfig
        .members()
        .forEach((name, value) -> {
          if (!ELSEWHERE.contains(name)) {
            put(PREFIX + "tokenizer_config." + name, value);
          }
        });
    if (!tokenizer.members().isEmpty()) {
      entries.putAll(
          new TokenizerKeys(tokenizer, tokenizerConfig, List.of(generation, config), rows(config))
              .entries());
    }
    // Some checkpoints have several templates, in an array; none of them is "the" template.
    if (tokenizerConfig.members().get("chat_template") instanceof String template) {
      putText("tokenizer.chat_template", template);
    }
    return new Metadata(entries);
  }

  /**
   * Rows of the embedding: what config.json says, where a tensor has as many. The tensor bounds
   * what a made-up number could ask for.
   */
  private int rows(JsonObject config) {
    long rows = config.whole("vocab_size").orElse(0);
    boolean real =
        tensors.stream()
            .anyMatch(tensor -> tensor.shape().size() == 2 && tensor.shape().getFirst() == rows);
    return real && rows <= Integer.MAX_VALUE ? (int) rows : 0;
  }

  /** The folder's name; in a download cache that of the repository, three folders up. */
  private String name() {
    Path absolute = folder.toAbsolutePath().normalize();
    Path parent = absolute.getParent();
    if (parent != null && parent.endsWith("snapshots") && parent.getParent() != null) {
      absolute = parent.getParent();
    }
    Path name = absolute.getFileName();
    return name == null ? "" : name.toString().replaceFirst("^models--.+?--", "");
  }

  private void putText(String key, String value) {
    if (!value.isEmpty()) {
      entries.put(key, new MetadataValue.Text(value));
    }
  }

  private void put(String key, @Nullable Object value) {
    switch (value) {
      case null -> {
        // as good as absent
      }
      case String text -> entries.put(key, new MetadataValue.Text(text));
      case Boolean flag -> entries.put(key, new MetadataValue.Flag(flag));
      case Number number -> entries.put(key, number(number));
      case List<?> list -> putList(key, list);
      case Map<?, ?> map -> map.forEach((name, member) -> put(key + "." + name, member));
      default -> throw new IllegalStateException("not a value of JSON: " + value.getClass());
    }
  }

  private static boolean isWhole(Object value) {
    return value instanceof Integer || value instanceof Long;
  }

  private static MetadataValue number(Number number) {
    return isWhole(number)
        ? new MetadataValue.Whole(WholeType.INT64, number.longValue())
        : new MetadataValue.Real(RealType.FLOAT64, number.doubleValue());
  }

  private void putList(String key, List<?> list) {
    if (list.stream().allMatch(String.class::isInstance)) {
      entries.put(key, new MetadataValue.Texts(list.stream().map(String.class::cast).toList()));
    } else if (list.stream().allMatch(Boolean.class::isInstance)) {
      entries.put(key, new MetadataValue.Flags(list.stream().map(Boolean.class::cast).toList()));
    } else if (list.stream().allMatch(CheckpointMetadata::isWhole)) {
      entries.put(
          key,
          new MetadataValue.Wholes(
              WholeType.INT64, list.stream().map(value -> ((Number) value).longValue()).toList()));
    } else if (list.stream().allMatch(Number.class::isInstance)) {
      entries.put(
          key,
          new MetadataValue.Reals(
              RealType.FLOAT64,
              list.stream().map(value -> ((Number) value).doubleValue()).toList()));
    } else {
      for (int i = 0; i < list.size(); i++) {
        put(key + "." + i, list.get(i));
      }
    }
  }
}
