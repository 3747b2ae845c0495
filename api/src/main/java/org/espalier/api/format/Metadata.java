package org.espalier.api.format;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * The key–value part of a model file, in file order, with typed questions. A key that is absent
 * gives an empty answer; a key that is present with another type is {@link MalformedModel}.
 *
 * @param entries by key
 */
public record Metadata(Map<String, MetadataValue> entries) {

  public Metadata {
    entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
  }

  /** No entries. */
  public static Metadata empty() {
    return new Metadata(Map.of());
  }

  /** A copy in which the given entries are added or replaced. */
  public Metadata with(Map<String, MetadataValue> overrides) {
    Map<String, MetadataValue> merged = new LinkedHashMap<>(entries);
    merged.putAll(overrides);
    return new Metadata(merged);
  }

  /** Whether the key is there, whatever its type. */
  public boolean has(String key) {
    return entries.containsKey(key);
  }

  /** A text. */
  public Optional<String> text(String key) {
    return switch (entries.get(key)) {
      case null -> Optional.empty();
      case MetadataValue.Text(String value) -> Optional.of(value);
      case MetadataValue other -> throw wrongType(key, "a text", other);
    };
  }

  /** A whole number. */
  public OptionalLong whole(String key) {
    return switch (entries.get(key)) {
      case null -> OptionalLong.empty();
      case MetadataValue.Whole whole -> OptionalLong.of(whole.value());
      case MetadataValue other -> throw wrongType(key, "a whole number", other);
    };
  }

  /** A number, whole or real. */
  public OptionalDouble number(String key) {
    return switch (entries.get(key)) {
      case null -> OptionalDouble.empty();
      case MetadataValue.Real real -> OptionalDouble.of(real.value());
      case MetadataValue.Whole whole -> OptionalDouble.of(whole.value());
      case MetadataValue other -> throw wrongType(key, "a number", other);
    };
  }

  /** True or false. */
  public Optional<Boolean> flag(String key) {
    return switch (entries.get(key)) {
      case null -> Optional.empty();
      case MetadataValue.Flag(boolean value) -> Optional.of(value);
      case MetadataValue other -> throw wrongType(key, "true or false", other);
    };
  }

  /** Many texts. */
  public Optional<List<String>> texts(String key) {
    return switch (entries.get(key)) {
      case null -> Optional.empty();
      case MetadataValue.Texts(List<String> values) -> Optional.of(values);
      case MetadataValue other -> throw wrongType(key, "an array of texts", other);
    };
  }

  /** Many whole numbers. */
  public Optional<List<Long>> wholes(String key) {
    return switch (entries.get(key)) {
      case null -> Optional.empty();
      case MetadataValue.Wholes wholes -> Optional.of(wholes.values());
      case MetadataValue other -> throw wrongType(key, "an array of whole numbers", other);
    };
  }

  private static MalformedModel wrongType(String key, String expected, MetadataValue found) {
    return new MalformedModel(
        "metadata key '%s' should be %s but is of type %s"
            .formatted(key, expected, found.getClass().getSimpleName()));
  }
}
