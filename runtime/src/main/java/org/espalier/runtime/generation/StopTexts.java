package org.espalier.runtime.generation;

import java.util.List;

/**
 * Looks for stop texts in text that arrives in pieces. What may still become one is held back, so
 * that no part of a stop text is ever shown.
 */
final class StopTexts {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  /** Stop texts, none of them empty. */
  StopTexts(List<String> stops) {
    this.stops = stops;
  }

  /**
   * Takes a piece of text and gives what can be shown now. When a stop text is complete, that is
   * everything before it, and nothing from then on.
   */
  String accept(String piece) {
    if (found) {
      return "";
    }
    held.append(piece);
    int start = firstMatch();
    if (start >= 0) {
      found = true;
      String shown = held.substring(0, start);
      held.setLength(0);
      return shown;
    }
    return release(held.length() - longestBeginning());
  }

  /** Whether a stop text was seen. */
  boolean found() {
    return found;
  }

  /** What was held back and, as no more text will come, is no stop text. */
  String finish() {
    return release(held.length());
  }

  private int firstMatch() {
    int first = -1;
    for (String stop : stops) {
      int start = held.indexOf(stop);
      if (start >= 0 && (first < 0 || start < first)) {
        first = start;
      }
    }
    return first;
  }

  /** Length of the longest end of the held text with which a stop text begins. */
  private int longestBeginning() {
    int longest = 0;
    for (String stop : stops) {
      int length = Math.min(stop.length() - 1, held.length());
      while (length > longest && !endsWithBeginningOf(stop, length)) {
        length--;
      }
      longest = Math.max(longest, length);
    }
    return longest;
  }

  private boolean endsWithBeginningOf(String stop, int length) {
    int start = held.length() - length;
    for (int i = 0; i < length; i++) {
      if (held.charAt(start + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private String release(int count) {
    String shown = held.substring(0, count);
    held.delete(0, count);
    return shown;
  }
}
