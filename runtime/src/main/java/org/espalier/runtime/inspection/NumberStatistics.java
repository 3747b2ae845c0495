package org.espalier.runtime.inspection;

import java.util.ArrayList;
import java.util.List;

/** Watches numbers go by. Not for several threads. */
final class NumberStatistics {
  /** Weights are trained and published in 16 bits; no IEEE half is larger. */
  private static final double LARGEST_HALF = 65504;

  /** So many zeros in a row are more likely a hole in the file than trained weights. */
  private static final long LONG_RUN = 4096;

  private long values;
  private long notNumbers;
  private long infinities;
  private long firstBad = -1;
  private long zeros;
  private long run;
  private long longestRun;
  private double smallest = Double.POSITIVE_INFINITY;
  private double largest = Double.NEGATIVE_INFINITY;
  private double squares;

  void accept(float value) {
    if (Float.isFinite(value)) {
      finite(value);
    } else {
      firstBad = firstBad < 0 ? values : firstBad;
      run = 0;
      if (Float.isNaN(value)) {
        notNumbers++;
      } else {
        infinities++;
      }
    }
    values++;
  }

  private void finite(float value) {
    if (value == 0) {
      zeros++;
      run++;
      longestRun = Math.max(longestRun, run);
    } else {
      run = 0;
    }
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
    squares += (double) value * value;
  }

  void accept(float[] all, int count) {
    for (int i = 0; i < count; i++) {
      accept(all[i]);
    }
  }

  boolean hasZeros() {
    return zeros > 0;
  }

  long values() {
    return values;
  }

  double smallest() {
    return finiteValues() == 0 ? 0 : smallest;
  }

  double largest() {
    return finiteValues() == 0 ? 0 : largest;
  }

  double rootMeanSquare() {
    return finiteValues() == 0 ? 0 : Math.sqrt(squares / finiteValues());
  }

  private long finiteValues() {
    return values - notNumbers - infinities;
  }

  /** What cannot be right about weights. */
  List<String> problems() {
    List<String> problems = new ArrayList<>();
    if (notNumbers + infinities > 0) {
      problems.add(
          "%,d values are not numbers and %,d are infinite, the first at index %,d"
              .formatted(notNumbers, infinities, firstBad));
    }
    if (zeros == values) {
      problems.add("all %,d values are zero".formatted(values));
    }
    double magnitude = Math.max(-smallest(), largest());
    if (magnitude > LARGEST_HALF) {
      problems.add("values reach %.3g, which no trained weight does".formatted(magnitude));
    }
    return problems;
  }

  /** What is odd about weights. */
  List<String> remarks() {
    return longestRun >= LONG_RUN && zeros < values
        ? List.of(
            "%,d zeros follow one another: padding, or a hole in the file".formatted(longestRun))
        : List.of();
  }
}
