package org.espalier.runtime.evaluation.choice;

import java.util.List;
import java.util.function.Predicate;
import org.espalier.runtime.evaluation.Mean;

/**
 * What a model makes of many questions.
 *
 * @param questions each of them, in order
 */
public record MultipleChoiceResult(List<QuestionResult> questions) {
  public MultipleChoiceResult {
    questions = List.copyOf(questions);
  }

  /** The share of questions whose likeliest choice is right. */
  public Mean accuracy() {
    return share(question -> question.likeliest() == question.gold());
  }

  /** The share of questions whose choice that is likeliest per character is right. */
  public Mean normalisedAccuracy() {
    return share(question -> question.likeliestPerCharacter() == question.gold());
  }

  /** Tokens of all choices. */
  public long tokens() {
    return questions.stream()
        .mapToLong(question -> question.tokens().stream().mapToLong(Integer::longValue).sum())
        .sum();
  }

  private Mean share(Predicate<QuestionResult> right) {
    Mean share = new Mean();
    questions.forEach(question -> share.add(right.test(question) ? 1 : 0));
    return share;
  }
}
