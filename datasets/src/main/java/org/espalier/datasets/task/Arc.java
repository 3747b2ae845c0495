package org.espalier.datasets.task;

import java.util.List;
import java.util.OptionalInt;
import org.espalier.datasets.DataRow;
import org.espalier.runtime.evaluation.choice.Question;

/**
 * ARC's rows: as on the Hub, with the choices as two lists; or as first released, with a question
 * that consists of a stem and a list of choices.
 */
final class Arc {
  private Arc() {}

  static Question question(DataRow row, OptionalInt label) {
    List<String> texts;
    List<String> names;
    String stem;
    if (row.isRow("question")) {
      DataRow question = row.row("question");
      stem = question.text("stem");
      List<DataRow> choices = question.rows("choices");
      texts = choices.stream().map(choice -> choice.text("text")).toList();
      names = choices.stream().map(choice -> choice.text("label")).toList();
    } else {
      stem = row.text("question");
      DataRow choices = row.row("choices");
      texts = choices.texts("text");
      names = choices.texts("label");
    }
    if (texts.isEmpty() || texts.size() != names.size()) {
      throw row.malformed("%d choices have %d labels".formatted(texts.size(), names.size()));
    }
    return new Question(
        row.place(),
        "Question: " + stem + "\nAnswer:",
        texts,
        label.isPresent() ? Labels.of(row, label, "answerKey", texts.size()) : gold(row, names));
  }

  private static int gold(DataRow row, List<String> names) {
    String key = row.text("answerKey");
    int gold = names.indexOf(key);
    if (gold < 0) {
      throw row.malformed(
          "the right answer is '%s', but the answers are %s"
              .formatted(key, String.join(", ", names)));
    }
    return gold;
  }
}
