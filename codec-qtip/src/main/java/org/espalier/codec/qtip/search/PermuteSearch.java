package org.espalier.codec.qtip.search;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Costs in 16 bits, and errors looked up inside registers: for machines that permute vectors of 32
 * shorts.
 *
 * <p>A codeword is entry x = s (s + 1), bits 6 to 15, of a table of 1024, so a step has only 1024
 * different errors. For a state s = p · 2¹² + g, modulo 2¹⁶,
 *
 * <pre>
 * s (s + 1) = g (g + 1) + p (2g + 1) · 2¹²
 * </pre>
 *
 * so that the low six bits of the entry belong to the group g, and as p runs over the 16 branches,
 * the top four bits run over all 16 values, each once, in an order that depends on g. The search
 * therefore goes through the 16 <em>tops</em> instead: a top has 64 errors, which fill two
 * registers, and one permute looks up those of 32 groups; another fetches, for each group, the cost
 * of the predecessor whose branch gives that top. The branch for the next top is the one before
 * plus the inverse of 2g + 1 modulo 16.
 *
 * <p>A block is 32 groups: two sources (values of g / 16) with 16 groups each. The costs of a
 * block's 32 predecessors lie together, branch by branch, the two sources side by side. A cost is
 * an unsigned multiple of 16 that saturates; its low 4 bits hold the branch. Groups g and 4095 − g
 * share their errors, with branches p and 15 − p.
 */
public final class PermuteSearch implements TrellisSearch {
  /** Units per 1 for tiles without outliers. */
  static final float UNITS = 256;

  /** Units shrink until the largest target is at most this many, lest costs saturate. */
  static final float LARGEST_TARGET = 2048;

  /** Largest error of a step, in units above the least. */
  static final int LARGEST_ERROR = 4095;

  /** Targets are drawn in to ± this. */
  static final float LIMIT = 1024;

  /** Different codewords. */
  static final int ENTRIES = 1024;

  /** Adding it to a number of units leaves that number in the low bits of the float. */
  static final float ROUND = 12582912f;

  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  private static final int LANES = 32;
  private static final int INT_LANES = LANES / 2;
  private static final int BLOCKS = Groups.COUNT / LANES;
  private static final int TOP_ENTRIES = ENTRIES / Groups.BRANCHES;
  private static final int BRANCH_MASK = Groups.BRANCHES - 1;

  /** Blocks whose groups have the same top four bits. */
  private static final int BLOCKS_PER_BRANCH = BLOCKS / Groups.BRANCHES;

  /** A trace word holds four branches. */
  private static final int TRACE_WORDS = Groups.COUNT / 4;

  private static final VectorShuffle<Short> REVERSE =
      VectorShuffle.fromOp(SHORTS, lane -> LANES - 1 - lane);
  private static final int[] INTERLEAVE = interleave();
  private static final short[] LOW_HALVES = lowHalves();

  private final float[] first = new float[ENTRIES];
  private final float[] second = new float[ENTRIES];

  /** For the first half of the blocks: low six bits of the entry, then where top 0 comes from. */
  private final short[] lookup = new short[BLOCKS * LANES];

  /** How the place that a top comes from moves on to the next. */
  private final short[] advance = new short[LANES];

  private final float[] distances = new float[ENTRIES];
  private final short[] errors = new short[ENTRIES];

  /** By block of sources, branch and source. */
  private final short[] costs = new short[Groups.COUNT];

  /** By group: the least cost, with the branch it came by. */
  private final short[] minima = new short[Groups.COUNT];

  private final short[] least = new short[LANES];
  private final int[] half = new int[Groups.BRANCHES * INT_LANES];
  private final short[] trace = new short[STEPS * TRACE_WORDS];

  private float target0;
  private float target1;
  private float units;
  private int traceAt;

  /**
   * What a step consists of. Three receivers at one call: the compiler then leaves each loop in a
   * method of its own. Inlined into one, they were too much for it, and vectors went to the heap.
   */
  private final Runnable[] phases = {
    () -> measure(first, second, target0, target1, units, distances, errors),
    () -> minimise(errors, lookup, advance, costs, minima, least),
    () -> arrange(minima, lowest() & ~BRANCH_MASK, half, trace, traceAt, costs)
  };

  /**
   * A search over the given codewords.
   *
   * @throws IllegalArgumentException when they are not drawn from a table by the hash s (s + 1)
   */
  public PermuteSearch(Codewords codewords) {
    for (int state = 0; state < Codewords.STATES; state++) {
      first[entry(state)] = codewords.first(state);
      second[entry(state)] = codewords.second(state);
    }
    for (int state = 0; state < Codewords.STATES; state++) {
      if (first[entry(state)] != codewords.first(state)
          || second[entry(state)] != codewords.second(state)) {
        throw new IllegalArgumentException("codewords are not drawn by the hash s (s + 1)");
      }
    }
    for (int group = 0; group < Groups.COUNT / 2; group++) {
      int inverse = inverse(2 * group + 1);
      int branch = -(entry(group) / TOP_ENTRIES) * inverse & BRANCH_MASK;
      int source = group / Groups.BRANCHES;
      int at = group / LANES * 2 * LANES + group % LANES;
      lookup[at] = (short) (entry(group) % TOP_ENTRIES);
      lookup[at + LANES] = (short) (2 * branch + source % 2);
      advance[group % LANES] = (short) (2 * inverse);
    }
  }

  /** Whether this machine permutes vectors of 32 shorts. */
  public static boolean suitsThisMachine() {
    return ShortVector.SPECIES_PREFERRED.length() == LANES;
  }

  /** Which of the 1024 codewords a state has. */
  static int entry(int state) {
    return state * (state + 1) >>> 6 & ENTRIES - 1;
  }

  /** Of an odd number, modulo 16. */
  private static int inverse(int odd) {
    int inverse = 1;
    while ((odd * inverse & BRANCH_MASK) != 1) {
      inverse += 2;
    }
    return inverse;
  }

  /** Units per 1 for a tile: a power of two. */
  static float units(float[] targets, int offset) {
    float largest = 0;
    for (int i = offset; i < offset + WEIGHTS; i++) {
      largest = Math.max(largest, Math.abs(limited(targets[i])));
    }
    float units = UNITS;
    while (units * largest > LARGEST_TARGET) {
      units /= 2;
    }
    return units;
  }

  static float limited(float target) {
    return Math.clamp(target, -LIMIT, LIMIT);
  }

  @Override
  public void search(float[] targets, int offset, int[] walk) {
    units = units(targets, offset);
    for (int i = 0; i < Groups.COUNT; i++) {
      costs[i] = (short) (i % LANES / 2);
    }
    for (int step = 0; step < STEPS; step++) {
      target0 = limited(targets[offset + 2 * step]);
      target1 = limited(targets[offset + 2 * step + 1]);
      traceAt = step * TRACE_WORDS;
      for (Runnable phase : phases) {
        phase.run();
      }
    }
    walkBack(walk);
  }

  private int lowest() {
    int lowest = Short.toUnsignedInt(least[0]);
    for (short cost : least) {
      lowest = Math.min(lowest, Short.toUnsignedInt(cost));
    }
    return lowest;
  }

  private void walkBack(int[] walk) {
    int best = Integer.MAX_VALUE;
    int state = 0;
    for (int group = 0; group < Groups.COUNT; group++) {
      int cost = Short.toUnsignedInt(minima[group]);
      if (cost < best) {
        best = cost;
        state = (cost & BRANCH_MASK) * Groups.COUNT + group;
      }
    }
    walk[STEPS - 1] = state;
    for (int step = STEPS - 2; step >= 0; step--) {
      int group = state / Groups.BRANCHES;
      state = predecessor(step, group) * Groups.COUNT + group;
      walk[step] = state;
    }
  }

  private int predecessor(int step, int group) {
    int branch = group / Groups.SOURCES;
    int block = group / LANES % BLOCKS_PER_BRANCH;
    int word = step * TRACE_WORDS + (block * 4 + branch / 4) * LANES + group % LANES;
    return trace[word] >>> 4 * (branch % 4) & BRANCH_MASK;
  }

  /** The errors of all entries, as multiples of 16 above the least of them. */
  private static void measure(
      float[] first,
      float[] second,
      float a0,
      float a1,
      float units,
      float[] distances,
      short[] errors) {
    FloatVector least = FloatVector.broadcast(FLOATS, Float.POSITIVE_INFINITY);
    for (int i = 0; i < ENTRIES; i += INT_LANES) {
      FloatVector d0 = FloatVector.fromArray(FLOATS, first, i).sub(a0);
      FloatVector d1 = FloatVector.fromArray(FLOATS, second, i).sub(a1);
      FloatVector distance = d0.fma(d0, d1.mul(d1));
      least = least.min(distance);
      distance.intoArray(distances, i);
    }
    float minimum = least.reduceLanes(VectorOperators.MIN);
    ShortVector lowHalves = ShortVector.fromArray(SHORTS, LOW_HALVES, 0);
    for (int i = 0; i < ENTRIES; i += LANES) {
      // A permute narrows; a conversion of species is not always compiled to one instruction.
      lowHalves
          .selectFrom(
              sixteenths(distances, i, minimum, units),
              sixteenths(distances, i + INT_LANES, minimum, units))
          .intoArray(errors, i);
    }
  }

  /** Sixteen errors as multiples of 16, each in the low half of an int. */
  private static ShortVector sixteenths(float[] distances, int at, float minimum, float units) {
    return FloatVector.fromArray(FLOATS, distances, at)
        .sub(minimum)
        .mul(units)
        .min(LARGEST_ERROR)
        .add(ROUND)
        .reinterpretAsInts()
        .lanewise(VectorOperators.LSHL, 4)
        .reinterpretAsShorts();
  }

  /**
   * Finds the best predecessor of every group. The hot loop: a leaf of counted loops only, and no
   * reduction of lanes that the compiler would not do in registers.
   *
   * @param least receives the least of all minima, lane by lane
   */
  private static void minimise(
      short[] errors,
      short[] lookup,
      short[] advance,
      short[] costs,
      short[] minima,
      short[] least) {
    ShortVector nextTop = ShortVector.fromArray(SHORTS, advance, 0);
    ShortVector lowest = ShortVector.broadcast(SHORTS, (short) -1);
    for (int block = 0; block < BLOCKS / 2; block++) {
      int mirrored = BLOCKS - 1 - block;
      ShortVector entries = ShortVector.fromArray(SHORTS, lookup, block * 2 * LANES);
      ShortVector places = ShortVector.fromArray(SHORTS, lookup, block * 2 * LANES + LANES);
      ShortVector from = ShortVector.fromArray(SHORTS, costs, block * LANES);
      // Reversed, its costs are found at the same places: branch 15 − p, the other source.
      ShortVector mirroredFrom =
          ShortVector.fromArray(SHORTS, costs, mirrored * LANES).rearrange(REVERSE);
      ShortVector best = ShortVector.broadcast(SHORTS, (short) -1);
      ShortVector mirroredBest = best;
      for (int top = 0; top < Groups.BRANCHES; top++) {
        ShortVector error =
            entries.selectFrom(
                ShortVector.fromArray(SHORTS, errors, top * TOP_ENTRIES),
                ShortVector.fromArray(SHORTS, errors, top * TOP_ENTRIES + LANES));
        ShortVector cost = error.lanewise(VectorOperators.SUADD, places.selectFrom(from));
        best = best.lanewise(VectorOperators.UMIN, cost);
        cost = error.lanewise(VectorOperators.SUADD, places.selectFrom(mirroredFrom));
        mirroredBest = mirroredBest.lanewise(VectorOperators.UMIN, cost);
        places = places.add(nextTop);
      }
      best.intoArray(minima, block * LANES);
      mirroredBest.rearrange(REVERSE).intoArray(minima, mirrored * LANES);
      lowest =
          lowest.lanewise(VectorOperators.UMIN, best).lanewise(VectorOperators.UMIN, mirroredBest);
    }
    lowest.intoArray(least, 0);
  }

  /**
   * Turns minima into the costs of the next step. A group's top four bits become its branch, the
   * rest its source, so pairs of sources (ints) with their 16 branches are transposed: first 4 × 4
   * ints inside every quarter of the registers, then 4 × 4 quarters.
   *
   * @param lowest cost to take off
   * @param half receives the state between the two halves
   * @param trace receives the branches of the minima from {@code traceAt} on
   */
  private static void arrange(
      short[] minima, int lowest, int[] half, short[] trace, int traceAt, short[] costs) {
    for (int block = 0; block < BLOCKS_PER_BRANCH; block++) {
      for (int four = 0; four < 4; four++) {
        int from = (four * 4 * BLOCKS_PER_BRANCH + block) * LANES;
        int word = traceAt + (block * 4 + four) * LANES;
        transposeInts(minima, from, 4 * four - lowest, half, four * INT_LANES, trace, word);
      }
      for (int four = 0; four < 4; four++) {
        transposeQuarters(
            half, four * 4 * INT_LANES, costs, (block * Groups.BRANCHES + four) * LANES);
      }
    }
  }

  private static void transposeInts(
      short[] minima, int from, int shift, int[] half, int to, short[] trace, int word) {
    int stride = BLOCKS_PER_BRANCH * LANES;
    ShortVector mask = ShortVector.broadcast(SHORTS, (short) BRANCH_MASK);
    ShortVector v0 = ShortVector.fromArray(SHORTS, minima, from);
    ShortVector v1 = ShortVector.fromArray(SHORTS, minima, from + stride);
    ShortVector v2 = ShortVector.fromArray(SHORTS, minima, from + 2 * stride);
    ShortVector v3 = ShortVector.fromArray(SHORTS, minima, from + 3 * stride);
    ShortVector b0 = v0.and(mask);
    ShortVector b1 = v1.and(mask);
    ShortVector b2 = v2.and(mask);
    ShortVector b3 = v3.and(mask);
    b0.or(b1.lanewise(VectorOperators.LSHL, 4))
        .or(b2.lanewise(VectorOperators.LSHL, 8))
        .or(b3.lanewise(VectorOperators.LSHL, 12))
        .intoArray(trace, word);
    IntVector c0 = v0.sub(b0).add((short) shift).reinterpretAsInts();
    IntVector c1 = v1.sub(b1).add((short) (shift + 1)).reinterpretAsInts();
    IntVector c2 = v2.sub(b2).add((short) (shift + 2)).reinterpretAsInts();
    IntVector c3 = v3.sub(b3).add((short) (shift + 3)).reinterpretAsInts();
    IntVector low = IntVector.fromArray(INTS, INTERLEAVE, 0);
    IntVector high = IntVector.fromArray(INTS, INTERLEAVE, INT_LANES);
    IntVector lowPairs = IntVector.fromArray(INTS, INTERLEAVE, 2 * INT_LANES);
    IntVector highPairs = IntVector.fromArray(INTS, INTERLEAVE, 3 * INT_LANES);
    IntVector x0 = low.selectFrom(c0, c1);
    IntVector x1 = high.selectFrom(c0, c1);
    IntVector y0 = low.selectFrom(c2, c3);
    IntVector y1 = high.selectFrom(c2, c3);
    lowPairs.selectFrom(x0, y0).intoArray(half, to);
    highPairs.selectFrom(x0, y0).intoArray(half, to + 4 * INT_LANES);
    lowPairs.selectFrom(x1, y1).intoArray(half, to + 8 * INT_LANES);
    highPairs.selectFrom(x1, y1).intoArray(half, to + 12 * INT_LANES);
  }

  private static void transposeQuarters(int[] half, int from, short[] costs, int to) {
    IntVector c0 = IntVector.fromArray(INTS, half, from);
    IntVector c1 = IntVector.fromArray(INTS, half, from + INT_LANES);
    IntVector c2 = IntVector.fromArray(INTS, half, from + 2 * INT_LANES);
    IntVector c3 = IntVector.fromArray(INTS, half, from + 3 * INT_LANES);
    IntVector low = IntVector.fromArray(INTS, INTERLEAVE, 4 * INT_LANES);
    IntVector high = IntVector.fromArray(INTS, INTERLEAVE, 5 * INT_LANES);
    IntVector lowPairs = IntVector.fromArray(INTS, INTERLEAVE, 6 * INT_LANES);
    IntVector highPairs = IntVector.fromArray(INTS, INTERLEAVE, 7 * INT_LANES);
    IntVector x0 = low.selectFrom(c0, c1);
    IntVector x1 = high.selectFrom(c0, c1);
    IntVector y0 = low.selectFrom(c2, c3);
    IntVector y1 = high.selectFrom(c2, c3);
    lowPairs.selectFrom(x0, y0).reinterpretAsShorts().intoArray(costs, to);
    highPairs.selectFrom(x0, y0).reinterpretAsShorts().intoArray(costs, to + 4 * LANES);
    lowPairs.selectFrom(x1, y1).reinterpretAsShorts().intoArray(costs, to + 8 * LANES);
    highPairs.selectFrom(x1, y1).reinterpretAsShorts().intoArray(costs, to + 12 * LANES);
  }

  /** Even lanes of two registers. */
  private static short[] lowHalves() {
    short[] lanes = new short[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      lanes[lane] = (short) (2 * lane);
    }
    return lanes;
  }

  /**
   * Where the two-register permutes of the transposition take their lanes from: items 0 and 1, then
   * items 2 and 3 of both, alternating; pairs 0, then pairs 1 of both. An item is an int within a
   * quarter, in the last four vectors a quarter.
   */
  private static int[] interleave() {
    int[] lanes = new int[8 * INT_LANES];
    for (int outer = 0; outer < 4; outer++) {
      for (int inner = 0; inner < 4; inner++) {
        for (int pick = 0; pick < 4; pick++) {
          boolean pairs = pick >= 2;
          int register = pairs ? inner / 2 : inner % 2;
          int item = (pairs ? inner % 2 : inner / 2) + pick % 2 * 2;
          lanes[pick * INT_LANES + 4 * outer + inner] = INT_LANES * register + 4 * outer + item;
          lanes[(4 + pick) * INT_LANES + 4 * inner + outer] =
              INT_LANES * register + 4 * item + outer;
        }
      }
    }
    return lanes;
  }
}
