package org.espalier.testkit.reference;

import java.util.Comparator;
import java.util.stream.IntStream;
import org.espalier.api.model.Stage;

/**
 * Where one row goes.
 *
 * @param experts chosen, by descending weight, the lower index first among equals
 * @param weights of the chosen
 */
record Routing(int[] experts, double[] weights) {

  /** Softmax over all experts, then the largest. */
  static Routing of(Stage.MixtureOfExperts stage, double[] scores) {
    double[] probabilities = Softmax.of(scores);
    // Sorted by score: softmax may round different scores to one probability. The sort is stable.
    int[] experts =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer expert) -> scores[expert]).reversed())
            .limit(stage.used())
            .mapToInt(Integer::intValue)
            .toArray();
    double sum = 0;
    for (int expert : experts) {
      sum += probabilities[expert];
    }
    double[] weights = new double[experts.length];
    for (int i = 0; i < experts.length; i++) {
      double weight = probabilities[experts[i]];
      weights[i] = (stage.normalised() ? weight / sum : weight) * stage.weightScale();
    }
    return new Routing(experts, weights);
  }

  /** The place of an expert among the chosen, or −1. */
  int indexOf(int expert) {
    for (int i = 0; i < experts.length; i++) {
      if (experts[i] == expert) {
        return i;
      }
    }
    return -1;
  }
}
