package org.espalier.format.safetensors;

/** Names from a file, made fit for messages. */
final class Quote {
  private static final int MAXIMUM = 100;

  private Quote() {}

  static String of(String name) {
    String start = name.length() > MAXIMUM ? name.substring(0, MAXIMUM) + "…" : name;
    return start.replaceAll("\\p{Cntrl}", "\uFFFD");
  }
}
