package org.espalier.backend.cpu.stage;

import java.util.Arrays;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.numeric.Halves;
import org.espalier.backend.cpu.numeric.Products;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Attention of one head for a block of rows of one sequence. Keys and values pass by once, some
 * positions at a time, with the running maximum and sum of each row's softmax (Milakov and
 * Gimelshein 2018), so memory does not grow with the context. The cuts lie at fixed positions: a
 * row's result does not depend on its company.
 *
 * <p>One object per worker; it holds what its steps share.
 */
final class HeadAttention {
  /** Query rows that share one reading of keys and values. */
  static final int QUERY_BLOCK = 32;

  /** Positions whose keys or values are converted at a time; divides the cache's page. */
  private static final int KEY_BLOCK = 64;

  /** Positions that {@link Products#multiply} takes together; divides the block. */
  private static final int TOGETHER = 4;

  private interface Step {
    void run();
  }

  /**
   * What is done with each block of positions. In one compiled method the steps exceed what C2
   * inlines, and vectors become objects. Called from one place, where no one of them prevails, each
   * is compiled by itself.
   */
  private final Step[] steps = {
    this::readKeys, this::score, this::weigh, this::readValues, this::mix
  };

  /** The same for a single row: the first and the last as the cache's types have it. */
  private final Step[] stepsInPlace = {this::scoreHalves, this::weigh, this::addHalves};

  private final Step scoreHalves = stepsInPlace[0];
  private final Step addHalves = stepsInPlace[2];
  private final Step scoreBytes = this::scoreBytes;
  private final Step addBytes = this::addBytes;

  private KeyValueCache cache = new KeyValueCache(0, 0, CacheTypes.both(CacheType.F32));
  private int head;
  private int d;
  private int[] positions = new int[0];
  private int firstRow;
  private int rows;

  /** Positions of the block. */
  private int start;

  private int count;

  // Queries and sums lie close together here: in the long rows of the stage they would all fall
  // into the same few sets of the first cache.
  private float[] m = new float[0];
  private int queriesAt;
  private int mixedAt;
  private int scoresAt;
  private int maximaAt;
  private int sumsAt;
  private int workAt;

  /**
   * Computes.
   *
   * @param memory grows to what is needed and stays
   * @param keysAndValues of the rows' sequence
   * @param kvHead which head of those
   * @param dimension of a head
   * @param rowPositions the position of row r at {@code first + r}, ascending
   * @param x value k of the query of row r at {@code offset + r · stride + k}
   * @param y result k of row r at the same place
   */
  void attend(
      Scratch memory,
      KeyValueCache keysAndValues,
      int kvHead,
      int dimension,
      int[] rowPositions,
      int first,
      int rowCount,
      float[] x,
      float[] y,
      int offset,
      int stride) {
    cache = keysAndValues;
    head = kvHead;
    d = dimension;
    positions = rowPositions;
    firstRow = first;
    rows = rowCount;
    queriesAt = KEY_BLOCK * d;
    mixedAt = queriesAt + QUERY_BLOCK * d;
    scoresAt = mixedAt + QUERY_BLOCK * d;
    maximaAt = scoresAt + QUERY_BLOCK * KEY_BLOCK;
    sumsAt = maximaAt + QUERY_BLOCK;
    workAt = sumsAt + QUERY_BLOCK;
    m = memory.floats(workAt + Math.max(Products.WORK_FLOATS, Halves.workFloats()));
    for (int r = 0; r < rows; r++) {
      System.arraycopy(x, offset + r * stride, m, queriesAt + r * d, d);
    }
    Arrays.fill(m, mixedAt, mixedAt + rows * d, 0);
    Arrays.fill(m, maximaAt, maximaAt + rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(m, sumsAt, sumsAt + rows, 0);
    int last = positions[firstRow + rows - 1];
    boolean inPlace = rows == 1 && cache.readsInPlace() && fits(queriesAt, d);
    Step[] chosen = inPlace ? stepsInPlace() : steps;
    for (start = 0; start <= last; start += KEY_BLOCK) {
      count = Math.min(KEY_BLOCK, last + 1 - start);
      for (Step step : chosen) {
        step.run();
      }
    }
    for (int r = 0; r < rows; r++) {
      Elementwise.scale(m, mixedAt + r * d, 1 / m[sumsAt + r], d);
      System.arraycopy(m, mixedAt + r * d, y, offset + r * stride, d);
    }
  }

  /** Some more than there are: those have no weight, and single ones take longer than four. */
  private int rounded() {
    return (count + TOGETHER - 1) / TOGETHER * TOGETHER;
  }

  private boolean fits(int offset, int n) {
    return Elementwise.largest(m, offset, n) <= Halves.LARGEST_FACTOR;
  }

  private Step[] stepsInPlace() {
    boolean keysAreBytes = cache.types().keys() == CacheType.Q8_0;
    boolean valuesAreBytes = cache.types().values() == CacheType.Q8_0;
    stepsInPlace[0] = keysAreBytes ? scoreBytes : scoreHalves;
    stepsInPlace[2] = valuesAreBytes ? addBytes : addHalves;
    return stepsInPlace;
  }

  private void scoreHalves() {
    cache.multiplyHalves(head, start, rounded(), m, queriesAt, m, scoresAt, m, workAt);
  }

  private void scoreBytes() {
    cache.multiplyBytes(head, start, rounded(), m, queriesAt, m, scoresAt, m, workAt);
  }

  private void addHalves() {
    cache.addHalves(head, start, visible(0), m, scoresAt, m, mixedAt);
  }

  private void addBytes() {
    cache.addBytes(head, start, visible(0), m, scoresAt, m, mixedAt);
  }

  private void readKeys() {
    cache.readKeys(head, start, rounded(), m, 0);
  }

  private void score() {
    Products.multiply(
        m, 0, d, rounded(), d, m, queriesAt, d, rows, m, scoresAt, KEY_BLOCK, false, m, workAt);
  }

  /** Turns scores into e^(score − maximum), and shrinks earlier sums where the maximum grew. */
  private void weigh() {
    for (int r = 0; r < rows; r++) {
      int visible = visible(r);
      if (visible > 0) {
        int scores = scoresAt + r * KEY_BLOCK;
        float before = m[maximaAt + r];
        float maximum = Math.max(before, Elementwise.maximum(m, scores, visible));
        float sum = Elementwise.expShifted(m, scores, maximum, visible);
        if (maximum != before) {
          float shrink = (float) Math.exp(before - maximum);
          m[sumsAt + r] *= shrink;
          Elementwise.scale(m, mixedAt + r * d, shrink, d);
        }
        m[maximaAt + r] = maximum;
        m[sumsAt + r] += sum;
      }
    }
  }

  private void readValues() {
    cache.readValues(head, start, count, m, 0);
  }

  private void mix() {
    for (int r = 0; r < rows; r++) {
      int visible = visible(r);
      if (visible > 0) {
        Products.addWeighted(m, 0, d, m, scoresAt + r * KEY_BLOCK, visible, m, mixedAt + r * d);
      }
    }
  }

  /** How many of the block's positions a row may see; none if not positive. */
  private int visible(int row) {
    return Math.min(count, positions[firstRow + row] + 1 - start);
  }
}
