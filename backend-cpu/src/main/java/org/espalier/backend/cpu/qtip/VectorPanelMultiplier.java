package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.backend.cpu.numeric.Fused;

/**
 * Two vectors of weights meet the activations of eight rows, whose sums stay in registers. Narrow
 * species walk over the 32 sums of a row in several strips.
 */
final class VectorPanelMultiplier implements PanelMultiplier {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
  private static final int LANES = FLOATS.length();

  @Override
  public void accumulate(
      float[] panel,
      int pairs,
      byte[] x,
      int xOffset,
      int xStride,
      int rows,
      float[] sums,
      int sumsOffset) {
    for (int strip = 0; strip < 32; strip += 2 * LANES) {
      int row = 0;
      for (; row + 4 <= rows; row += 4) {
        fourRows(
            panel, strip, pairs, x, xOffset + row * xStride, xStride, sums, sumsOffset + row * 32);
      }
      for (; row < rows; row++) {
        oneRow(panel, strip, pairs, x, xOffset + row * xStride, sums, sumsOffset + row * 32);
      }
    }
  }

  private static void oneRow(
      float[] panel, int strip, int pairs, byte[] x, int x0, float[] sums, int sumsOffset) {
    int to = sumsOffset + strip;
    FloatVector a0 = FloatVector.fromArray(FLOATS, sums, to);
    FloatVector b0 = FloatVector.fromArray(FLOATS, sums, to + LANES);
    for (int pair = 0; pair < pairs; pair++) {
      FloatVector a = FloatVector.fromArray(FLOATS, panel, 32 * pair + strip);
      FloatVector b = FloatVector.fromArray(FLOATS, panel, 32 * pair + strip + LANES);
      FloatVector activations = broadcast(x, x0 + 8 * pair);
      a0 = Fused.multiplyAdd(a, activations, a0);
      b0 = Fused.multiplyAdd(b, activations, b0);
    }
    a0.intoArray(sums, to);
    b0.intoArray(sums, to + LANES);
  }

  private static void fourRows(
      float[] panel,
      int strip,
      int pairs,
      byte[] x,
      int x0,
      int xStride,
      float[] sums,
      int sumsOffset) {
    int x1 = x0 + xStride;
    int x2 = x1 + xStride;
    int x3 = x2 + xStride;
    int to = sumsOffset + strip;
    FloatVector a0 = FloatVector.fromArray(FLOATS, sums, to);
    FloatVector b0 = FloatVector.fromArray(FLOATS, sums, to + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, sums, to + 32);
    FloatVector b1 = FloatVector.fromArray(FLOATS, sums, to + 32 + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, sums, to + 64);
    FloatVector b2 = FloatVector.fromArray(FLOATS, sums, to + 64 + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, sums, to + 96);
    FloatVector b3 = FloatVector.fromArray(FLOATS, sums, to + 96 + LANES);
    for (int pair = 0; pair < pairs; pair++) {
      FloatVector a = FloatVector.fromArray(FLOATS, panel, 32 * pair + strip);
      FloatVector b = FloatVector.fromArray(FLOATS, panel, 32 * pair + strip + LANES);
      FloatVector activations = broadcast(x, x0 + 8 * pair);
      a0 = Fused.multiplyAdd(a, activations, a0);
      b0 = Fused.multiplyAdd(b, activations, b0);
      activations = broadcast(x, x1 + 8 * pair);
      a1 = Fused.multiplyAdd(a, activations, a1);
      b1 = Fused.multiplyAdd(b, activations, b1);
      activations = broadcast(x, x2 + 8 * pair);
      a2 = Fused.multiplyAdd(a, activations, a2);
      b2 = Fused.multiplyAdd(b, activations, b2);
      activations = broadcast(x, x3 + 8 * pair);
      a3 = Fused.multiplyAdd(a, activations, a3);
      b3 = Fused.multiplyAdd(b, activations, b3);
    }
    a0.intoArray(sums, to);
    b0.intoArray(sums, to + LANES);
    a1.intoArray(sums, to + 32);
    b1.intoArray(sums, to + 32 + LANES);
    a2.intoArray(sums, to + 64);
    b2.intoArray(sums, to + 64 + LANES);
    a3.intoArray(sums, to + 96);
    b3.intoArray(sums, to + 96 + LANES);
  }

  /** A pair of activations in every pair of lanes. */
  private static FloatVector broadcast(byte[] x, int at) {
    return LongVector.broadcast(LONGS, (long) LONG.get(x, at)).reinterpretAsFloats();
  }
}
