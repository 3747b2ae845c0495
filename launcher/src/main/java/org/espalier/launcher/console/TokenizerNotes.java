package org.espalier.launcher.console;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Puts what a file leaves open about its tokenizer into one note: line by line it would fill the
 * screen at every run. Other notices pass through.
 */
public final class TokenizerNotes implements Consumer<String>, AutoCloseable {
  private static final String PREFIX = "tokenizer.ggml.";

  private final Consumer<String> notices;
  private final List<String> gathered = new ArrayList<>();

  /** Tells all to someone else. */
  public TokenizerNotes(Consumer<String> notices) {
    this.notices = notices;
  }

  @Override
  public void accept(String notice) {
    if (notice.startsWith(PREFIX)) {
      gathered.add(notice);
    } else {
      close();
      notices.accept(notice);
    }
  }

  /** Tells what has been gathered. */
  @Override
  public void close() {
    if (gathered.size() == 1) {
      notices.accept(gathered.getFirst());
    } else if (!gathered.isEmpty()) {
      List<String> parts =
          gathered.stream()
              .map(notice -> notice.substring(PREFIX.length()).replaceFirst(": ", ", "))
              .toList();
      notices.accept(
          "the tokenizer's metadata leave something open: "
              + String.join("; ", parts)
              + " ('espalier repair' writes it down)");
    }
    gathered.clear();
  }
}
