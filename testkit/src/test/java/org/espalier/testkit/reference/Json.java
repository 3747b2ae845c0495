package org.espalier.testkit.reference;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads JSON that is known to be well formed, into maps, lists, texts, numbers and booleans. */
final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  static Map<String, Object> object(String text) {
    return asObject(new Json(text).value());
  }

  @SuppressWarnings("unchecked") // objects are read as nothing else
  static Map<String, Object> asObject(@Nullable Object value) {
    return (Map<String, Object>) value;
  }

  static List<?> asList(@Nullable Object value) {
    return (List<?>) value;
  }

  private @Nullable Object value() {
    return switch (next()) {
      case '{' -> members();
      case '[' -> elements();
      case '"' -> string();
      case 't' -> word("rue", true);
      case 'f' -> word("alse", false);
      case 'n' -> word("ull", null);
      default -> number();
    };
  }

  private Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    for (char c = next(); c != '}'; c = next()) {
      if (c == '"') {
        String name = string();
        next(); // the colon
        members.put(name, value());
      }
    }
    return members;
  }

  private List<@Nullable Object> elements() {
    List<@Nullable Object> elements = new ArrayList<>();
    for (char c = next(); c != ']'; c = next()) {
      if (c != ',') {
        at--;
        elements.add(value());
      }
    }
    return elements;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
      string.append(c == '\\' ? escaped(text.charAt(at++)) : c);
    }
    return string.toString();
  }

  private char escaped(char c) {
    return switch (c) {
      case 'n' -> '\n';
      case 't' -> '\t';
      case 'r' -> '\r';
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'u' -> {
        at += 4;
        yield (char) Integer.parseInt(text, at - 4, at, 16);
      }
      default -> c;
    };
  }

  private BigDecimal number() {
    int start = at - 1;
    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    return new BigDecimal(text.substring(start, at));
  }

  private @Nullable Object word(String rest, @Nullable Object value) {
    at += rest.length();
    return value;
  }

  private char next() {
    while (Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return text.charAt(at++);
  }
}
