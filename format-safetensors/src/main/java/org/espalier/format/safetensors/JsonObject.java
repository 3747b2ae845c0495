package org.espalier.format.safetensors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.jr.ob.JSON;

/**
 * An object of a JSON document, with typed questions. A member that is absent or null gives an
 * empty answer; one of another type is {@link MalformedModel}.
 *
 * <p>Documents are bounded in length, depth and number of values; a name that occurs twice in one
 * object is refused.
 *
 * @param where it stands, for messages: the file, then the names that lead here
 * @param members by name, in order; values are of type String, Number, Boolean, List and Map
 */
record JsonObject(String where, Map<String, @Nullable Object> members) {
  /** The longest document, which is also the longest header that the format allows. */
  static final int MAXIMUM_BYTES = 100_000_000;

  private static final int MAXIMUM_DEPTH = 32;

  /** Names, values and brackets: a vocabulary of a million tokens with as many merges has fewer. */
  private static final int MAXIMUM_TOKENS = 8_000_000;

  private static final int MAXIMUM_TEXT = 4_000_000;
  private static final int MAXIMUM_NAME = 65_536;
  private static final int MAXIMUM_DIGITS = 100;

  /** An object without members. */
  static JsonObject empty(String where) {
    return new JsonObject(where, Map.of());
  }

  /** The object that a file holds; empty where there is no such file. */
  static JsonObject read(Path file) {
    String where = "'" + file + "'";
    try {
      if (!Files.isRegularFile(file)) {
        return empty(where);
      }
      if (Files.size(file) > MAXIMUM_BYTES) {
        throw new MalformedModel(
            "%s has %,d bytes, more than the %,d allowed"
                .formatted(where, Files.size(file), MAXIMUM_BYTES));
      }
      return parse(where, Files.readAllBytes(file));
    } catch (IOException e) {
      throw IoFailure.unreadable(file, e);
    }
  }

  /** The object that a document holds, and nothing else. */
  static JsonObject parse(String where, byte[] document) {
    JSON json = json();
    try (JsonParser parser = json.createParser(document)) {
      Object value = json.anyFrom(parser);
      if (parser.nextToken() != null) {
        throw new MalformedModel("%s goes on after its JSON has ended".formatted(where));
      }
      if (value instanceof Map<?, ?> map) {
        return new JsonObject(where, members(map));
      }
      throw new MalformedModel("%s does not hold a JSON object".formatted(where));
    } catch (JacksonException e) {
      throw new MalformedModel(
          "%s is not valid JSON: %s; get a fresh copy of the file".formatted(where, reason(e)), e);
    }
  }

  private static JSON json() {
    StreamReadConstraints limits =
        StreamReadConstraints.builder()
            .maxNestingDepth(MAXIMUM_DEPTH)
            .maxTokenCount(MAXIMUM_TOKENS)
            .maxStringLength(MAXIMUM_TEXT)
            .maxNameLength(MAXIMUM_NAME)
            .maxNumberLength(MAXIMUM_DIGITS)
            .build();
    return JSON.builder(JsonFactory.builder().streamReadConstraints(limits).build())
        .enable(JSON.Feature.FAIL_ON_DUPLICATE_MAP_KEYS)
        .build();
  }

  private static String reason(JacksonException e) {
    String message = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("");
    return e.getLocation() == null || e.getLocation().getByteOffset() < 0
        ? message
        : message + " (at byte " + e.getLocation().getByteOffset() + ")";
  }

  private static Map<String, @Nullable Object> members(Map<?, ?> map) {
    Map<String, @Nullable Object> members = LinkedHashMap.newLinkedHashMap(map.size());
    map.forEach((name, value) -> members.put((String) name, value));
    return members;
  }

  /** Whether there is such a member, other than null. */
  boolean has(String name) {
    return members.get(name) != null;
  }

  /** A text. */
  Optional<String> text(String name) {
    return switch (members.get(name)) {
      case null -> Optional.empty();
      case String text -> Optional.of(text);
      default -> throw wrong(name, "a text");
    };
  }

  /** True or false. */
  Optional<Boolean> flag(String name) {
    return switch (members.get(name)) {
      case null -> Optional.empty();
      case Boolean flag -> Optional.of(flag);
      default -> throw wrong(name, "true or false");
    };
  }

  /** A whole number that fits a {@code long}. */
  OptionalLong whole(String name) {
    return switch (members.get(name)) {
      case null -> OptionalLong.empty();
      case Integer value -> OptionalLong.of(value);
      case Long value -> OptionalLong.of(value);
      default -> throw wrong(name, "a whole number");
    };
  }

  /** An array. */
  Optional<List<?>> list(String name) {
    return switch (members.get(name)) {
      case null -> Optional.empty();
      case List<?> list -> Optional.of(list);
      default -> throw wrong(name, "an array");
    };
  }

  /** An object; an empty one where there is none. */
  JsonObject object(String name) {
    return switch (members.get(name)) {
      case null -> empty(where + ", " + name);
      case Map<?, ?> map -> new JsonObject(where + ", " + name, members(map));
      default -> throw wrong(name, "an object");
    };
  }

  /** An array of objects; empty where there is none. */
  List<JsonObject> objects(String name) {
    String elements = where + ", " + name;
    return list(name).orElse(List.of()).stream()
        .map(element -> {
          if (element instanceof Map<?, ?> map) {
            return new JsonObject(elements, members(map));
          }
          throw wrong(name, "an array of objects");
        })
        .toList();
  }

  /** The exception that says what is wrong with a member. */
  MalformedModel wrong(String name, String expected) {
    return new MalformedModel(
        "%s: '%s' should be %s; get a fresh copy of the file"
            .formatted(where, Quote.of(name), expected));
  }
}
