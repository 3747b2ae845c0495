package org.espalier.runtime.evaluation.choice;

import java.util.List;

/**
 * What a model makes of a question.
 *
 * @param logLikelihoods of the choices, in nats
 * @param tokens of the choices
 * @param characters of the choices: Unicode code points, without the space before them
 * @param gold index of the right one
 */
public record QuestionResult(
    List<Double> logLikelihoods, List<Integer> tokens, List<Integer> characters, int gold) {
  public QuestionResult {
    logLikelihoods = List.copyOf(logLikelihoods);
    tokens = List.copyOf(tokens);
    characters = List.copyOf(characters);
  }

  /** The likeliest choice; of equal ones the first. */
  public int likeliest() {
    int best = 0;
    for (int i = 1; i < logLikelihoods.size(); i++) {
      if (logLikelihoods.get(i) > logLikelihoods.get(best)) {
        best = i;
      }
    }
    return best;
  }

  /** The choice that is likeliest per character; of equal ones the first. */
  public int likeliestPerCharacter() {
    int best = 0;
    for (int i = 1; i < logLikelihoods.size(); i++) {
      if (perCharacter(i) > perCharacter(best)) {
        best = i;
      }
    }
    return best;
  }

  private double perCharacter(int choice) {
    return logLikelihoods.get(choice) / characters.get(choice);
  }
}
