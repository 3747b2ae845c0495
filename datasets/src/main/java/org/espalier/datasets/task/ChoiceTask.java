package org.espalier.datasets.task;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.datasets.DataFile;
import org.espalier.datasets.DataRow;
import org.espalier.runtime.evaluation.choice.Question;

/**
 * Published data sets of questions with several answers, put as lm-evaluation-harness 0.4.11 puts
 * them, zero-shot.
 */
public enum ChoiceTask {
  /** HellaSwag: how a text goes on. */
  HELLASWAG("hellaswag") {
    @Override
    Question question(DataRow row, OptionalInt label) {
      return HellaSwag.question(row, label);
    }
  },

  /** PIQA: how to do an everyday thing. */
  PIQA("piqa") {
    @Override
    Question question(DataRow row, OptionalInt label) {
      return Piqa.question(row, label);
    }
  },

  /** ARC, the easy set: questions of school science. */
  ARC_EASY("arc_easy") {
    @Override
    Question question(DataRow row, OptionalInt label) {
      return Arc.question(row, label);
    }
  },

  /** ARC, the challenge set. */
  ARC_CHALLENGE("arc_challenge") {
    @Override
    Question question(DataRow row, OptionalInt label) {
      return Arc.question(row, label);
    }
  };

  private final String id;

  ChoiceTask(String id) {
    this.id = id;
  }

  /** Its name in the harness. */
  public String id() {
    return id;
  }

  abstract Question question(DataRow row, OptionalInt label);

  /**
   * The questions of a file.
   *
   * @param labels indices of the right answers, where they are in a file of their own; else empty
   * @param most where to stop; 0: at the end
   * @throws org.espalier.api.EspalierException.MalformedData when a row is not one of this data set
   * @throws InvalidRequest when there are no questions, or not as many as labels
   */
  public List<Question> questions(DataFile file, List<Integer> labels, int most) {
    List<Question> questions = new ArrayList<>();
    int[] count = {0};
    file.rows(row -> {
      int index = count[0]++;
      if (most == 0 || index < most) {
        questions.add(question(row, label(file, labels, index)));
      }
      // To the end all the same where the numbers of rows and labels must be compared.
      return most == 0 || !labels.isEmpty() || count[0] < most;
    });
    if (questions.isEmpty()) {
      throw new InvalidRequest(file.path() + " holds no questions");
    }
    if (!labels.isEmpty() && labels.size() != count[0]) {
      throw new InvalidRequest(
          "%s holds %d questions, but there are %d labels"
              .formatted(file.path(), count[0], labels.size()));
    }
    return List.copyOf(questions);
  }

  private static OptionalInt label(DataFile file, List<Integer> labels, int index) {
    if (labels.isEmpty()) {
      return OptionalInt.empty();
    }
    if (index >= labels.size()) {
      throw new InvalidRequest(
          "%s holds more questions than the %d labels".formatted(file.path(), labels.size()));
    }
    return OptionalInt.of(labels.get(index));
  }
}
