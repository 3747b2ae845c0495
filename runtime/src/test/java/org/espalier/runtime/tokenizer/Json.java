package org.espalier.runtime.tokenizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON of trusted fixtures: objects, arrays, texts, whole numbers, true, false, null. */
public final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  public static Map<String, Object> object(String text) {
    return asObject(new Json(text).value());
  }

  static Map<String, Object> asObject(Object value) {
    Map<String, Object> object = new LinkedHashMap<>();
    ((Map<?, ?>) value).forEach((key, member) -> object.put((String) key, member));
    return object;
  }

  static List<String> texts(Object value) {
    return ((List<?>) value).stream().map(String.class::cast).toList();
  }

  public static int[] ids(Object value) {
    return ((List<?>) value).stream().mapToInt(id -> Math.toIntExact((Long) id)).toArray();
  }

  private Object value() {
    return switch (peek()) {
      case '{' -> members();
      case '[' -> elements();
      case '"' -> string();
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      case 'n' -> word("null", "null");
      default -> number();
    };
  }

  private char peek() {
    while (Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return text.charAt(at);
  }

  private boolean more(char close) {
    char c = peek();
    if (c == close || c == ',') {
      at++;
    }
    return c != close;
  }

  private Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    at++;
    while (more('}')) {
      peek();
      String key = string();
      peek();
      at++;
      members.put(key, value());
    }
    return members;
  }

  private List<Object> elements() {
    List<Object> elements = new ArrayList<>();
    at++;
    while (more(']')) {
      elements.add(value());
    }
    return elements;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    for (at++; text.charAt(at) != '"'; at++) {
      char c = text.charAt(at);
      string.append(c == '\\' ? escape() : c);
    }
    at++;
    return string.toString();
  }

  private char escape() {
    char c = text.charAt(++at);
    return switch (c) {
      case 'n' -> '\n';
      case 't' -> '\t';
      case 'r' -> '\r';
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'u' -> {
        at += 4;
        yield (char) Integer.parseInt(text, at - 3, at + 1, 16);
      }
      default -> c;
    };
  }

  private Object word(String word, Object value) {
    at += word.length();
    return value;
  }

  private Long number() {
    int start = at;
    while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    return Long.valueOf(text.substring(start, at));
  }
}
