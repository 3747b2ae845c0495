package org.espalier.server.openai;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.server.http.HttpFailure;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The fields of a request, each with the sentence that a wrong value deserves. Null is absent. */
final class Fields {
  private static final int SHOWN = 40;

  private final ObjectNode object;

  Fields(ObjectNode object) {
    this.object = object;
  }

  Optional<JsonNode> node(String name) {
    JsonNode node = object.get(name);
    return node == null || node.isNull() ? Optional.empty() : Optional.of(node);
  }

  private static HttpFailure wrong(String name, String rule, JsonNode found) {
    String text = found.toString();
    String shown = text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
    return HttpFailure.badRequest("'%s' must be %s, not %s".formatted(name, rule, shown));
  }

  OptionalInt integer(String name, int least, int most) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return OptionalInt.empty();
    }
    OptionalLong value = wholeNumber(node.get());
    if (value.isEmpty() || value.getAsLong() < least || value.getAsLong() > most) {
      throw wrong(name, "a whole number from %d to %d".formatted(least, most), node.get());
    }
    return OptionalInt.of((int) value.getAsLong());
  }

  OptionalLong wholeNumber(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return OptionalLong.empty();
    }
    OptionalLong value = wholeNumber(node.get());
    if (value.isEmpty()) {
      throw wrong(name, "a whole number", node.get());
    }
    return value;
  }

  private static OptionalLong wholeNumber(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToLong()
        ? OptionalLong.of(node.longValue())
        : OptionalLong.empty();
  }

  OptionalDouble number(String name, double least, double most) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return OptionalDouble.empty();
    }
    if (!node.get().isNumber()) {
      throw wrong(name, "a number", node.get());
    }
    double value = node.get().doubleValue();
    if (!(value >= least && value <= most)) {
      throw wrong(name, "a number from %s to %s".formatted(plain(least), plain(most)), node.get());
    }
    return OptionalDouble.of(value);
  }

  private static String plain(double number) {
    return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
  }

  boolean flag(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isBoolean()) {
      throw wrong(name, "true or false", node.get());
    }
    return node.map(JsonNode::booleanValue).orElse(false);
  }

  Optional<String> text(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isString()) {
      throw wrong(name, "a string", node.get());
    }
    return node.map(JsonNode::stringValue);
  }

  /** A string or an array of strings. */
  List<String> texts(String name, int most) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return List.of();
    }
    if (node.get().isString()) {
      return List.of(node.get().stringValue());
    }
    if (!node.get().isArray() || node.get().size() > most) {
      throw wrong(name, "a string, or up to %d of them".formatted(most), node.get());
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode element : node.get()) {
      if (!element.isString()) {
        throw wrong(name, "a string, or an array of strings", node.get());
      }
      texts.add(element.stringValue());
    }
    return texts;
  }

  Optional<Fields> object(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isObject()) {
      throw wrong(name, "an object", node.get());
    }
    return node.map(found -> new Fields((ObjectNode) found));
  }

  /** An object of numbers by token id. */
  Map<Integer, Float> numbersByToken(String name) {
    Map<Integer, Float> numbers = new HashMap<>();
    Optional<Fields> fields = object(name);
    if (fields.isEmpty()) {
      return numbers;
    }
    for (Map.Entry<String, JsonNode> entry : fields.get().object.properties()) {
      Integer token = token(entry.getKey());
      if (token == null || !entry.getValue().isNumber()) {
        throw wrong(name, "an object of numbers by token id", fields.get().object);
      }
      numbers.put(token, entry.getValue().floatValue());
    }
    return numbers;
  }

  private static @Nullable Integer token(String text) {
    try {
      return Integer.valueOf(text);
    } catch (NumberFormatException _) {
      return null;
    }
  }

  /** Token ids. */
  static int[] tokens(String name, JsonNode array) {
    int[] tokens = new int[array.size()];
    for (int i = 0; i < tokens.length; i++) {
      JsonNode element = array.get(i);
      if (!element.isIntegralNumber() || !element.canConvertToInt() || element.intValue() < 0) {
        throw wrong(name, "text, or token ids of 0 or more", element);
      }
      tokens[i] = element.intValue();
    }
    return tokens;
  }

  /** Refuses a field that would ask for something that is not done. */
  void refuse(String name, String why) {
    Optional<JsonNode> node = node(name);
    boolean empty = node.isEmpty() || (node.get().isContainer() && node.get().isEmpty());
    if (!empty) {
      throw HttpFailure.badRequest("'%s' is not supported: %s".formatted(name, why));
    }
  }
}
