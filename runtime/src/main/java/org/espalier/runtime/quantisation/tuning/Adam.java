package org.espalier.runtime.quantisation.tuning;

/**
 * Stochastic gradient descent with a step for each number from running means of its gradient and of
 * the gradient's square (Kingma and Ba).
 */
final class Adam {
  private static final double FIRST_DECAY = 0.9;
  private static final double SECOND_DECAY = 0.99;
  private static final double SMALL = 1e-10;

  private final float[] first;
  private final float[] second;
  private int steps;

  /** For so many numbers. */
  Adam(int count) {
    first = new float[count];
    second = new float[count];
  }

  /**
   * Moves the numbers.
   *
   * @param rates step of each number when its gradient is always the same
   * @param factor on all rates
   */
  void step(float[] values, float[] gradient, float[] rates, double factor) {
    steps++;
    double firstShare = 1 / (1 - Math.pow(FIRST_DECAY, steps));
    double secondShare = 1 / (1 - Math.pow(SECOND_DECAY, steps));
    for (int i = 0; i < values.length; i++) {
      first[i] = (float) (FIRST_DECAY * first[i] + (1 - FIRST_DECAY) * gradient[i]);
      second[i] =
          (float) (SECOND_DECAY * second[i] + (1 - SECOND_DECAY) * gradient[i] * gradient[i]);
      double size = Math.sqrt(second[i] * secondShare) + SMALL;
      values[i] -= (float) (factor * rates[i] * first[i] * firstShare / size);
    }
  }
}
