package org.espalier.runtime.tokenizer;

import java.text.Normalizer;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Unicode's form C (NFC) of any text in linear time. The JDK's {@link Normalizer} inserts every
 * combining mark into its run from the right, so a hostile run of a million marks would keep it
 * busy for minutes: such runs are put into canonical order here first, which changes neither the
 * meaning nor the result.
 */
final class ComposedForm {
  /** Longer runs of marks are sorted first; no language comes near. */
  private static final int LONG_RUN = 64;

  private static final char FIRST_MARK = '\u0300';

  /** A mark that goes before all others that move, and one that goes behind all others. */
  private static final String LOWEST = "\u0334";

  private static final String HIGHEST = "\u0345";

  private ComposedForm() {}

  static String of(String text) {
    return Normalizer.normalize(sortLongRuns(text), Normalizer.Form.NFC);
  }

  private static String sortLongRuns(String text) {
    StringBuilder sorted = new StringBuilder();
    int copied = 0;
    for (int i = 0; i < text.length(); ) {
      int end = markEnd(text, i);
      if (end - i > LONG_RUN) {
        sorted.append(text, copied, i).append(new ComposedForm.Order(text.substring(i, end)).run());
        copied = end;
      }
      i = Math.max(i + 1, end);
    }
    return copied == 0 ? text : sorted.append(text, copied, text.length()).toString();
  }

  /** Where the run of marks that begins here ends; {@code start} itself when none begins. */
  private static int markEnd(String text, int start) {
    int end = start;
    while (end < text.length() && text.charAt(end) >= FIRST_MARK) {
      int codePoint = text.codePointAt(end);
      int type = Character.getType(codePoint);
      if (type != Character.NON_SPACING_MARK
          && type != Character.COMBINING_SPACING_MARK
          && type != Character.ENCLOSING_MARK) {
        break;
      }
      end += Character.charCount(codePoint);
    }
    return end;
  }

  private static String decomposed(String text) {
    return Normalizer.normalize(text, Normalizer.Form.NFD);
  }

  private static boolean swaps(String first, String second) {
    return !decomposed(first + second).equals(first + second);
  }

  /** Canonical order of one run. */
  private static final class Order {
    private final String run;
    private final Map<Integer, Integer> classes = new HashMap<>();
    private int classCount;

    Order(String run) {
      StringBuilder parts = new StringBuilder();
      Map<Integer, String> known = new HashMap<>();
      run.codePoints()
          .forEach(mark ->
              parts.append(known.computeIfAbsent(mark, m -> decomposed(Character.toString(m)))));
      this.run = parts.toString();
      rankClasses();
    }

    /**
     * The JDK does not tell combining classes, but shows their order: of two neighbours that move
     * at all the higher class goes behind.
     */
    private void rankClasses() {
      Set<String> moving = new LinkedHashSet<>();
      run.codePoints()
          .distinct()
          .mapToObj(Character::toString)
          .filter(mark -> swaps(mark, LOWEST) || swaps(HIGHEST, mark))
          .forEach(moving::add);
      String previous = "";
      for (int mark : decomposed(String.join("", moving)).codePoints().toArray()) {
        String current = Character.toString(mark);
        if (previous.isEmpty() || swaps(current, previous)) {
          classCount++;
        }
        classes.put(mark, classCount - 1);
        previous = current;
      }
    }

    String run() {
      StringBuilder sorted = new StringBuilder(run.length());
      StringBuilder[] byClass = new StringBuilder[classCount];
      for (int i = 0; i < classCount; i++) {
        byClass[i] = new StringBuilder();
      }
      run.codePoints()
          .forEach(mark -> {
            Integer combiningClass = classes.get(mark);
            if (combiningClass != null) {
              byClass[combiningClass].appendCodePoint(mark);
            } else {
              flush(byClass, sorted);
              sorted.appendCodePoint(mark);
            }
          });
      flush(byClass, sorted);
      return sorted.toString();
    }

    /** A mark that does not move holds all others back. */
    private static void flush(StringBuilder[] byClass, StringBuilder sorted) {
      for (StringBuilder marks : byClass) {
        sorted.append(marks);
        marks.setLength(0);
      }
    }
  }
}
