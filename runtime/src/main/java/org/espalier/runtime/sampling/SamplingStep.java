package org.espalier.runtime.sampling;

import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * One link of the chain: changes logits or removes candidates, and always leaves at least one.
 * Probabilities are those of the candidates that the link before it has left.
 */
sealed interface SamplingStep {

  /** Does its work. */
  void apply(Candidates candidates);

  /** Adds a number to the logits of some tokens. */
  record LogitBias(int[] tokens, float[] biases) implements SamplingStep {

    static LogitBias of(Map<Integer, Float> bias) {
      int[] tokens = bias.keySet().stream().mapToInt(Integer::intValue).sorted().toArray();
      float[] biases = new float[tokens.length];
      for (int i = 0; i < tokens.length; i++) {
        biases[i] = bias.get(tokens[i]);
      }
      return new LogitBias(tokens, biases);
    }

    @Override
    public void apply(Candidates candidates) {
      for (int i = 0; i < tokens.length; i++) {
        if (tokens[i] >= candidates.size()) {
          throw new InvalidRequest(
              "there is a logit bias for token %d, but tokens only go from 0 to %d"
                  .formatted(tokens[i], candidates.size() - 1));
        }
        candidates.setLogit(tokens[i], candidates.logit(tokens[i]) + biases[i]);
      }
    }
  }

  /**
   * Makes tokens of the recent window less likely: a repeated token's logit is divided by {@code
   * repeat} if positive and multiplied by it otherwise, then lowered by {@code frequency} for every
   * occurrence and by {@code presence} once.
   */
  record Penalties(RecentTokens recent, float repeat, float frequency, float presence)
      implements SamplingStep {
    @Override
    public void apply(Candidates candidates) {
      for (int i = 0; i < recent.size(); i++) {
        int token = recent.token(i);
        if (token < candidates.size() && recent.isLatestOccurrence(i)) {
          float logit = candidates.logit(token);
          float scaled = logit <= 0 ? logit * repeat : logit / repeat;
          candidates.setLogit(token, scaled - (recent.count(token) * frequency + presence));
        }
      }
    }
  }

  /** Keeps the {@code count} likeliest. */
  record TopK(int count) implements SamplingStep {
    @Override
    public void apply(Candidates candidates) {
      candidates.sortTop(count);
      candidates.truncate(count);
    }
  }

  /** Keeps the fewest of the likeliest that together reach the probability {@code mass}. */
  record TopP(float mass) implements SamplingStep {
    private static final int FIRST_LOOK = 128;

    @Override
    public void apply(Candidates candidates) {
      float largest = candidates.largestLogit();
      candidates.weights();
      double enough = mass * candidates.weightSum();
      double reached = 0;
      // Most nuclei are small, so only as much is sorted as is looked at.
      int looked = 0;
      for (int look = FIRST_LOOK; looked < candidates.size(); look *= 8) {
        candidates.sortTop(look);
        for (int end = Math.min(look, candidates.size()); looked < end; looked++) {
          reached += Candidates.weight(candidates.logit(looked), largest);
          if (reached >= enough) {
            candidates.truncate(looked + 1);
            return;
          }
        }
      }
    }
  }

  /**
   * Keeps the fewest tokens that together exceed the probability {@code mass}, beginning with those
   * whose information is closest to the entropy of the distribution ("locally typical").
   */
  final class Typical implements SamplingStep {
    private static final int FIRST_LOOK = 128;

    private final float mass;
    private long[] typicality = {};
    private long[] ranked = {};

    Typical(float mass) {
      this.mass = mass;
    }

    @Override
    public void apply(Candidates candidates) {
      if (typicality.length < candidates.capacity()) {
        typicality = new long[candidates.capacity()];
        ranked = new long[candidates.capacity()];
      }
      double[] weights = candidates.weights();
      double sum = candidates.weightSum();
      rank(weights, sum, candidates.size());
      double reached = 0;
      int looked = 0;
      for (int look = FIRST_LOOK; looked < candidates.size(); look *= 8) {
        int end = Math.min(look, candidates.size());
        TopSort.descending(ranked, candidates.size(), end);
        for (; looked < end; looked++) {
          reached += weights[~(int) ranked[looked]] / sum;
          if (reached > mass) {
            candidates.keepWhere(typicality, ranked[looked]);
            return;
          }
        }
      }
    }

    /** Keys that are larger for more typical candidates and, among equals, for earlier ones. */
    private void rank(double[] weights, double sum, int size) {
      double entropy = 0;
      for (int i = 0; i < size; i++) {
        double probability = weights[i] / sum;
        entropy -= probability == 0 ? 0 : probability * StrictMath.log(probability);
      }
      for (int i = 0; i < size; i++) {
        double distance = Math.abs(-StrictMath.log(weights[i] / sum) - entropy);
        typicality[i] = (long) TotalOrder.key((float) -distance) << 32 | (~i & 0xFFFF_FFFFL);
        ranked[i] = typicality[i];
      }
    }
  }

  /** Keeps tokens at least {@code share} times as likely as the likeliest. */
  record MinP(float share) implements SamplingStep {
    @Override
    public void apply(Candidates candidates) {
      float largest = candidates.largestLogit();
      float least = largest + (float) StrictMath.log(share);
      candidates.keepAtLeast(Math.min(largest, least));
    }
  }

  /** Divides logits. */
  record Temperature(float temperature) implements SamplingStep {
    @Override
    public void apply(Candidates candidates) {
      candidates.divide(temperature);
    }
  }
}
