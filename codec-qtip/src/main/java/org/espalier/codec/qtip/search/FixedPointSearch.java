package org.espalier.codec.qtip.search;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Costs as whole numbers, with the branch in their low 4 bits, so that a minimum finds cost and
 * branch at once.
 *
 * <p>e is taken without the a₀² + a₁² that all states share: n − 2 a₀ c₀ − 2 a₁ c₁ with n = c₀² +
 * c₁², in units of 2⁻¹⁴. Two fused multiply–adds compute it onto 1.5 · 2²³, where the bits of a
 * float count units; the low 4 of them are dropped. Targets beyond ±16 are drawn in, lest the sum
 * leave the range where that holds.
 */
public final class FixedPointSearch implements TrellisSearch {
  /** Units per 1. */
  static final float UNITS = 1 << 14;

  /** Targets are drawn in to ± this. */
  static final float LIMIT = 16;

  /** Adding it to a number of units leaves that number in the low bits of the float. */
  static final float ROUND = 12582912f;

  /** The bits of {@link #ROUND}. */
  static final int BIAS = Float.floatToRawIntBits(ROUND);

  private static final VectorSpecies<Float> SPECIES = Species.FLOATS;
  private static final VectorSpecies<Integer> INTS = Species.INTS;
  private static final int LANES = SPECIES.length();
  private static final int BLOCKS = Groups.COUNT / LANES;
  private static final int BRANCH_MASK = Groups.BRANCHES - 1;
  private static final VectorShuffle<Integer> REVERSE =
      VectorShuffle.fromOp(INTS, lane -> LANES - 1 - lane);

  /** For the first half of the blocks: 16 branches × (c₀, c₁, n in units on ROUND). */
  private final float[] table;

  private final Groups.Trace trace = new Groups.Trace(LANES);

  /** Cost per group, a multiple of 16, plus the branch that the group is to its successors. */
  private int[] costs = new int[Groups.COUNT];

  private int[] nextCosts = new int[Groups.COUNT];

  /** A search over the given codewords, none of them beyond ±4. */
  public FixedPointSearch(Codewords codewords) {
    table = new float[BLOCKS / 2 * Groups.BRANCHES * 3 * LANES];
    int at = 0;
    for (int block = 0; block < BLOCKS / 2; block++) {
      for (int branch = 0; branch < Groups.BRANCHES; branch++) {
        int state = branch * Groups.COUNT + block * LANES;
        for (int lane = 0; lane < LANES; lane++) {
          table[at + lane] = codewords.first(state + lane);
          table[at + LANES + lane] = codewords.second(state + lane);
          table[at + 2 * LANES + lane] = norm(codewords, state + lane);
        }
        at += 3 * LANES;
      }
    }
  }

  /** c₀² + c₁² of a state in units, on {@link #ROUND}. */
  static float norm(Codewords codewords, int state) {
    float c0 = codewords.first(state);
    float c1 = codewords.second(state);
    return Math.fma(c0 * c0 + c1 * c1, UNITS, ROUND);
  }

  /** −2 a in units. */
  static float factor(float target) {
    return -2 * UNITS * Math.clamp(target, -LIMIT, LIMIT);
  }

  @Override
  public void search(float[] targets, int offset, int[] walk) {
    for (int group = 0; group < Groups.COUNT; group++) {
      costs[group] = group / Groups.SOURCES;
    }
    int lowest = 0;
    for (int step = 0; step < STEPS; step++) {
      lowest =
          step(
              table,
              factor(targets[offset + 2 * step]),
              factor(targets[offset + 2 * step + 1]),
              lowest,
              costs,
              nextCosts,
              trace.words(),
              Groups.Trace.step(step));
      int[] swapped = costs;
      costs = nextCosts;
      nextCosts = swapped;
    }
    trace.walk(lowestFinalState(lowest), walk);
  }

  private int lowestFinalState(int lowestCost) {
    int lowest = Codewords.STATES;
    for (int group = 0; group < Groups.COUNT; group++) {
      if ((costs[group] & ~BRANCH_MASK) == lowestCost) {
        int state = trace.predecessor(STEPS - 1, group) * Groups.COUNT + group;
        lowest = Math.min(lowest, state);
      }
    }
    return lowest;
  }

  /**
   * One step; gives the lowest of the new costs. The lowest cost before the step is taken off, so
   * that costs stay small.
   */
  private static int step(
      float[] table,
      float f0,
      float f1,
      int lowest,
      int[] costs,
      int[] next,
      int[] trace,
      int traceAt) {
    FloatVector factor0 = FloatVector.broadcast(SPECIES, f0);
    FloatVector factor1 = FloatVector.broadcast(SPECIES, f1);
    IntVector unbranched = IntVector.broadcast(INTS, ~BRANCH_MASK);
    IntVector minimum = IntVector.broadcast(INTS, Integer.MAX_VALUE);
    int taken = BIAS + lowest;
    for (int word = 0; word < BLOCKS / 16; word++) {
      IntVector predecessors = IntVector.zero(INTS);
      IntVector mirroredPredecessors = IntVector.zero(INTS);
      for (int k = 0; k < 8; k++) {
        int block = word * 8 + k;
        int mirroredBlock = BLOCKS - 1 - block;
        int source = block * LANES / Groups.BRANCHES;
        int mirroredSource = Groups.SOURCES - 1 - source;
        int at = block * (Groups.BRANCHES * 3 * LANES);
        IntVector best = IntVector.broadcast(INTS, Integer.MAX_VALUE);
        IntVector mirroredBest = best;
        for (int branch = 0; branch < Groups.BRANCHES; branch++) {
          IntVector error =
              FloatVector.fromArray(SPECIES, table, at)
                  .fma(
                      factor0,
                      FloatVector.fromArray(SPECIES, table, at + LANES)
                          .fma(factor1, FloatVector.fromArray(SPECIES, table, at + 2 * LANES)))
                  .reinterpretAsInts()
                  .and(unbranched);
          at += 3 * LANES;
          best = best.min(error.add(costs[branch * Groups.SOURCES + source]));
          int mirrored = BRANCH_MASK - branch;
          mirroredBest =
              mirroredBest.min(error.add(costs[mirrored * Groups.SOURCES + mirroredSource]));
        }
        predecessors = best.and(BRANCH_MASK).lanewise(VectorOperators.LSHL, 4 * k).or(predecessors);
        mirroredPredecessors =
            mirroredBest
                .and(BRANCH_MASK)
                .lanewise(VectorOperators.LSHL, 4 * (7 - k))
                .or(mirroredPredecessors);
        best = best.and(unbranched).sub(taken);
        mirroredBest = mirroredBest.and(unbranched).sub(taken);
        minimum = minimum.min(best).min(mirroredBest);
        best.add(block * LANES / Groups.SOURCES).intoArray(next, block * LANES);
        mirroredBest
            .add(mirroredBlock * LANES / Groups.SOURCES)
            .rearrange(REVERSE)
            .intoArray(next, mirroredBlock * LANES);
      }
      predecessors.intoArray(trace, traceAt + word * LANES);
      mirroredPredecessors
          .rearrange(REVERSE)
          .intoArray(trace, traceAt + (BLOCKS / 8 - 1 - word) * LANES);
    }
    return minimum.reduceLanes(VectorOperators.MIN);
  }
}
