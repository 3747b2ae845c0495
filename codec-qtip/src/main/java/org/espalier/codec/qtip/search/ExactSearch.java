package org.espalier.codec.qtip.search;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The definition in F32: e = (c₀ − a₀)² + (c₁ − a₁)², every operation rounded, added to the cost so
 * far. It gives the walk that a plain loop over states would, bit by bit.
 */
public final class ExactSearch implements TrellisSearch {
  private static final VectorSpecies<Float> SPECIES = Species.FLOATS;
  private static final VectorSpecies<Integer> INTS = Species.INTS;
  private static final int LANES = SPECIES.length();
  private static final int BLOCKS = Groups.COUNT / LANES;
  private static final VectorShuffle<Integer> REVERSE =
      VectorShuffle.fromOp(INTS, lane -> LANES - 1 - lane);
  private static final VectorShuffle<Float> REVERSE_FLOATS =
      VectorShuffle.fromOp(SPECIES, lane -> LANES - 1 - lane);

  /** For the first half of the blocks: 16 branches × (first weights, second weights). */
  private final float[] table;

  private final Groups.Trace trace = new Groups.Trace(LANES);
  private float[] costs = new float[Groups.COUNT];
  private float[] nextCosts = new float[Groups.COUNT];

  /** A search over the given codewords. */
  public ExactSearch(Codewords codewords) {
    table = new float[BLOCKS / 2 * Groups.BRANCHES * 2 * LANES];
    int at = 0;
    for (int block = 0; block < BLOCKS / 2; block++) {
      for (int branch = 0; branch < Groups.BRANCHES; branch++) {
        int state = branch * Groups.COUNT + block * LANES;
        for (int lane = 0; lane < LANES; lane++) {
          table[at + lane] = codewords.first(state + lane);
          table[at + LANES + lane] = codewords.second(state + lane);
        }
        at += 2 * LANES;
      }
    }
  }

  @Override
  public void search(float[] targets, int offset, int[] walk) {
    Arrays.fill(costs, 0);
    for (int step = 0; step < STEPS; step++) {
      step(
          table,
          targets[offset + 2 * step],
          targets[offset + 2 * step + 1],
          costs,
          nextCosts,
          trace.words(),
          Groups.Trace.step(step));
      float[] swapped = costs;
      costs = nextCosts;
      nextCosts = swapped;
    }
    trace.walk(lowestFinalState(), walk);
  }

  private int lowestFinalState() {
    float best = Float.POSITIVE_INFINITY;
    for (float cost : costs) {
      best = Math.min(best, cost);
    }
    int lowest = Codewords.STATES;
    for (int group = 0; group < Groups.COUNT; group++) {
      if (costs[group] == best) {
        int state = trace.predecessor(STEPS - 1, group) * Groups.COUNT + group;
        lowest = Math.min(lowest, state);
      }
    }
    return lowest;
  }

  /** A leaf of its own with counted loops only, so that it is compiled once and stays so. */
  private static void step(
      float[] table, float a0, float a1, float[] costs, float[] next, int[] trace, int traceAt) {
    FloatVector target0 = FloatVector.broadcast(SPECIES, a0);
    FloatVector target1 = FloatVector.broadcast(SPECIES, a1);
    for (int word = 0; word < BLOCKS / 16; word++) {
      IntVector predecessors = IntVector.zero(INTS);
      IntVector mirroredPredecessors = IntVector.zero(INTS);
      for (int k = 0; k < 8; k++) {
        int block = word * 8 + k;
        int source = block * LANES / Groups.BRANCHES;
        int mirroredSource = Groups.SOURCES - 1 - source;
        int at = block * (Groups.BRANCHES * 2 * LANES);
        FloatVector best = FloatVector.broadcast(SPECIES, Float.POSITIVE_INFINITY);
        FloatVector mirroredBest = best;
        // Branch numbers as the bits of floats, so that one mask serves cost and branch.
        FloatVector branches = FloatVector.zero(SPECIES);
        FloatVector mirroredBranches = branches;
        for (int branch = 0; branch < Groups.BRANCHES; branch++) {
          FloatVector d0 = FloatVector.fromArray(SPECIES, table, at).sub(target0);
          FloatVector d1 = FloatVector.fromArray(SPECIES, table, at + LANES).sub(target1);
          at += 2 * LANES;
          FloatVector error = d0.mul(d0).add(d1.mul(d1));
          FloatVector cost = error.add(costs[branch * Groups.SOURCES + source]);
          VectorMask<Float> better = cost.lt(best);
          best = best.blend(cost, better);
          branches = branches.blend(Float.intBitsToFloat(branch), better);
          // The mirrored branches come highest first, so an equal cost is a lower branch.
          int mirrored = Groups.BRANCHES - 1 - branch;
          cost = error.add(costs[mirrored * Groups.SOURCES + mirroredSource]);
          better = cost.compare(VectorOperators.LE, mirroredBest);
          mirroredBest = mirroredBest.blend(cost, better);
          mirroredBranches = mirroredBranches.blend(Float.intBitsToFloat(mirrored), better);
        }
        best.intoArray(next, block * LANES);
        mirroredBest.rearrange(REVERSE_FLOATS).intoArray(next, (BLOCKS - 1 - block) * LANES);
        predecessors =
            branches.reinterpretAsInts().lanewise(VectorOperators.LSHL, 4 * k).or(predecessors);
        mirroredPredecessors =
            mirroredBranches
                .reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, 4 * (7 - k))
                .or(mirroredPredecessors);
      }
      predecessors.intoArray(trace, traceAt + word * LANES);
      mirroredPredecessors
          .rearrange(REVERSE)
          .intoArray(trace, traceAt + (BLOCKS / 8 - 1 - word) * LANES);
    }
  }
}
