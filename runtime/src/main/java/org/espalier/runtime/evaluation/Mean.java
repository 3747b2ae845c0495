package org.espalier.runtime.evaluation;

/** A running mean and how uncertain it is. */
public final class Mean {
  private long count;
  private double sum;
  private double squares;

  /** Of nothing yet. */
  public Mean() {}

  /** Takes one more value. */
  public void add(double value) {
    count++;
    sum += value;
    squares += value * value;
  }

  /** How many values there are. */
  public long count() {
    return count;
  }

  /** Their sum. */
  public double sum() {
    return sum;
  }

  /** Their mean; not a number when there are none. */
  public double mean() {
    return sum / count;
  }

  /**
   * The standard error of the mean, as if the values were independent: their standard deviation
   * with n − 1, divided by √n. 0 for fewer than two values.
   */
  public double standardError() {
    if (count < 2) {
      return 0;
    }
    double variance = Math.max(0, squares / count - mean() * mean());
    return Math.sqrt(variance / (count - 1));
  }
}
