package org.espalier.datasets.task;

import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.espalier.datasets.DataRow;
import org.espalier.runtime.evaluation.choice.Question;
import org.espalier.runtime.evaluation.choice.Whitespace;

/** HellaSwag's rows. */
final class HellaSwag {
  /** Marks of the how-to texts. As in Python, a dot is anything but a line feed. */
  private static final Pattern BRACKETS = Pattern.compile("\\[.*?\\]", Pattern.UNIX_LINES);

  private HellaSwag() {}

  static Question question(DataRow row, OptionalInt label) {
    String query =
        clean(
            row.text("activity_label")
                + ": "
                + row.text("ctx_a")
                + " "
                + capitalised(row.text("ctx_b")));
    List<String> choices = row.texts("endings").stream().map(HellaSwag::clean).toList();
    return new Question(
        row.place(), query, choices, Labels.of(row, label, "label", choices.size()));
  }

  private static String clean(String text) {
    String titled = Whitespace.strip(text).replace(" [title]", ". ");
    return BRACKETS.matcher(titled).replaceAll("").replace("  ", " ");
  }

  /** The first letter as in a title, all others small. */
  private static String capitalised(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    return Character.toString(Character.toTitleCase(first))
        + text.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
  }
}
