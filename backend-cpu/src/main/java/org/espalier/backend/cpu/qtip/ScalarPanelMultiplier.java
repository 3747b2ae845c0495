package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.espalier.backend.cpu.numeric.Fused;

/** One product at a time. */
final class ScalarPanelMultiplier implements PanelMultiplier {
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.nativeOrder());

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
    for (int row = 0; row < rows; row++) {
      accumulateRow(panel, pairs, x, xOffset + row * xStride, sums, sumsOffset + row * 32);
    }
  }

  private static void accumulateRow(
      float[] panel, int pairs, byte[] x, int xOffset, float[] sums, int sumsOffset) {
    for (int pair = 0; pair < pairs; pair++) {
      float even = (float) FLOAT.get(x, xOffset + 8 * pair);
      float odd = (float) FLOAT.get(x, xOffset + 8 * pair + 4);
      for (int i = 0; i < 32; i += 2) {
        int sum = sumsOffset + i;
        sums[sum] = Fused.multiplyAdd(panel[32 * pair + i], even, sums[sum]);
        sums[sum + 1] = Fused.multiplyAdd(panel[32 * pair + i + 1], odd, sums[sum + 1]);
      }
    }
  }
}
