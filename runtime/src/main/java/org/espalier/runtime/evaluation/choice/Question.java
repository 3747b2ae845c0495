package org.espalier.runtime.evaluation.choice;

import java.util.List;

/**
 * A question with several answers, of which one is right.
 *
 * @param place where it comes from, for people
 * @param context what the model reads first
 * @param choices what may follow, each without the space before it
 * @param gold index of the right one
 */
public record Question(String place, String context, List<String> choices, int gold) {
  public Question {
    choices = List.copyOf(choices);
  }
}
