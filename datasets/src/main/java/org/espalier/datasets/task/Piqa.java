package org.espalier.datasets.task;

import java.util.List;
import java.util.OptionalInt;
import org.espalier.datasets.DataRow;
import org.espalier.runtime.evaluation.choice.Question;

/** PIQA's rows. The original release has the right answers in a file of their own. */
final class Piqa {
  private Piqa() {}

  static Question question(DataRow row, OptionalInt label) {
    List<String> choices = List.of(row.text("sol1"), row.text("sol2"));
    return new Question(
        row.place(),
        "Question: " + row.text("goal") + "\nAnswer:",
        choices,
        Labels.of(row, label, "label", choices.size()));
  }
}
