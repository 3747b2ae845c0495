package org.espalier.runtime.evaluation.divergence;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.espalier.runtime.evaluation.pass.Likeliest;
import org.espalier.runtime.evaluation.pass.LogSoftmax;

/**
 * A distribution in short: its likeliest tokens one by one; of all others, the tail, what they have
 * together and some that were drawn from them by their probabilities.
 *
 * @param tokens the likeliest, by descending probability, of equal ones the lower id first
 * @param logProbabilities theirs
 * @param drawn from the tail, with repetition
 * @param drawnLogProbabilities theirs, in the whole distribution
 * @param tail logarithm of what the tail has together; −∞ where there is none
 * @param target log-probability of the token that follows; not a number where none does
 */
record TopTokens(
    int[] tokens,
    float[] logProbabilities,
    int[] drawn,
    float[] drawnLogProbabilities,
    float tail,
    float target) {

  /** Tokens that are drawn from a tail. */
  static final int DRAWN = 32;

  /**
   * Shortens a distribution.
   *
   * @param count leading tokens that take part
   * @param size how many to keep, at most {@code count}
   * @param seed of the drawing
   */
  static TopTokens of(float[] logits, int count, int size, int target, long seed) {
    double sum = LogSoftmax.logSum(logits, count);
    int[] tokens = Likeliest.of(logits, count, size);
    double[] tail = new double[count];
    for (int token = 0; token < count; token++) {
      tail[token] = Math.exp(logits[token] - sum);
    }
    for (int token : tokens) {
      tail[token] = 0;
    }
    double mass = Arrays.stream(tail).sum();
    int[] drawn = mass > 0 ? draw(tail, mass, new SplittableRandom(seed)) : new int[DRAWN];
    return new TopTokens(
        tokens,
        logProbabilities(logits, sum, tokens),
        drawn,
        logProbabilities(logits, sum, drawn),
        (float) Math.log(mass),
        target == Divergence.NO_TARGET ? Float.NaN : (float) (logits[target] - sum));
  }

  private static float[] logProbabilities(float[] logits, double sum, int[] tokens) {
    float[] logProbabilities = new float[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      logProbabilities[i] = (float) (logits[tokens[i]] - sum);
    }
    return logProbabilities;
  }

  /** At equal steps along the tail from a random start: less noise than independent draws. */
  private static int[] draw(double[] tail, double mass, SplittableRandom random) {
    int[] drawn = new int[DRAWN];
    double start = random.nextDouble();
    double passed = 0;
    int next = 0;
    int last = 0;
    for (int token = 0; token < tail.length && next < DRAWN; token++) {
      if (tail[token] > 0) {
        last = token;
        passed += tail[token];
        while (next < DRAWN && passed >= (start + next) / DRAWN * mass) {
          drawn[next++] = token;
        }
      }
    }
    Arrays.fill(drawn, next, DRAWN, last); // rounding may keep the last ones from being reached
    return drawn;
  }

  /**
   * KL to a model's prediction: exact over the likeliest tokens, and over the tail an estimate from
   * those drawn, right on average. With δ the logarithm of p/q, the tail's part is the mean of p δ.
   * The mean of p exp(−δ) is known, it is what the model gives to the tail; and δ + exp(−δ) varies
   * far less than δ does.
   *
   * @param count leading tokens that take part
   * @param next the token that follows, or {@link Divergence#NO_TARGET}
   */
  Divergence divergence(float[] logits, int count, int next) {
    double sum = LogSoftmax.logSum(logits, count);
    double kl = 0;
    for (int i = 0; i < tokens.length; i++) {
      kl += Math.exp(logProbabilities[i]) * (logProbabilities[i] - (logits[tokens[i]] - sum));
    }
    if (tail > Float.NEGATIVE_INFINITY) {
      double mean = 0;
      for (int i = 0; i < drawn.length; i++) {
        double ratio = drawnLogProbabilities[i] - (logits[drawn[i]] - sum);
        mean += (ratio + Math.exp(-ratio)) / drawn.length;
      }
      kl += Math.exp(tail) * mean - outside(logits, count, sum);
    }
    return new Divergence(
        kl,
        tokens[0] == LogSoftmax.greatest(logits, count),
        next == Divergence.NO_TARGET ? Double.NaN : logits[next] - sum,
        next == Divergence.NO_TARGET ? Double.NaN : target);
  }

  /** What a model gives to the tail, summed directly: 1 less the rest would be noise. */
  private double outside(float[] logits, int count, double logSum) {
    int[] ascending = tokens.clone();
    Arrays.sort(ascending);
    double outside = 0;
    int from = 0;
    for (int i = 0; i <= ascending.length; i++) {
      int to = i < ascending.length ? ascending[i] : count;
      for (int token = from; token < to; token++) {
        outside += Math.exp(logits[token] - logSum);
      }
      from = to + 1;
    }
    return outside;
  }
}
