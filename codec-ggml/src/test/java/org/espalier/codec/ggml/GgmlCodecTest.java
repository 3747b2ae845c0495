package org.espalier.codec.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;

class GgmlCodecTest {
  private final GgmlCodec codec = new GgmlCodec();

  private EncodedLinear claim(TensorGroup group) {
    return codec.claim(group).orElseThrow(Unsupported::new);
  }

  private static TensorGroup with(TensorGroup group, Tensor weight) {
    return new TensorGroup(group.id(), group.stem(), group.shape(), Map.of("weight", weight));
  }

  @Test
  void isANamedModule() {
    assertTrue(GgmlCodec.class.getModule().isNamed());
  }

  @Test
  void kernelsFindTypeAndBlocks() {
    TensorGroup group = Fixtures.group(BlockType.Q6_K, new LinearShape(2, 3, 512));
    EncodedLinear linear = claim(group);
    assertEquals("ggml", linear.codec().value());
    assertEquals(14, linear.layout());
    assertEquals(2 * 3 * 2 * 210, linear.bytes());
    assertEquals(Map.of("blocks", linear.parts().get("blocks")), linear.parts());
    assertEquals(new TileGrid(1, 256), ((LinearForm.Tiled) linear.form()).grid());
  }

  @Test
  void everyRowOfEveryExpertIsInItsPlace() {
    LinearShape shape = new LinearShape(2, 3, 64);
    TensorGroup group = Fixtures.group(BlockType.Q5_1, shape);
    byte[] bytes = group.members().get("weight").bytes().toArray(ValueLayout.JAVA_BYTE);
    LinearForm.Tiled tiled = (LinearForm.Tiled) claim(group).form();
    float[] run = new float[64];
    for (int row = 0; row < 6; row++) {
      tiled.core().decode(row / 3, row % 3, 0, 2, run, 0);
      for (int i = 0; i < 64; i++) {
        int block = 2 * row + i / 32;
        byte[] own = Arrays.copyOfRange(bytes, block * 24, (block + 1) * 24);
        assertEquals(ReferenceBlocks.value(BlockType.Q5_1, own, i % 32), run[i]);
      }
    }
    assertThrows(IndexOutOfBoundsException.class, () -> tiled.core().decode(2, 0, 0, 1, run, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> tiled.core().decode(0, 3, 0, 1, run, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> tiled.core().decode(0, 0, 1, 2, run, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> tiled.core().decode(0, 0, 0, 2, run, 1));
  }

  @Test
  void aStackOfOneIsAMatrixAndBytesBehindAreNotTaken() {
    TensorGroup group = Fixtures.group(BlockType.Q4_0, new LinearShape(1, 2, 64));
    Tensor weight = group.members().get("weight");
    MemorySegment longer =
        MemorySegment.ofArray(
            Arrays.copyOf(weight.bytes().toArray(ValueLayout.JAVA_BYTE), 4 * 18 + 24));
    Tensor stack = new Tensor(weight.name(), weight.type(), List.of(1L, 2L, 64L), longer);
    assertEquals(4 * 18, claim(with(group, stack)).bytes());
  }

  @Test
  void refusalsNameTensorAndReason() {
    TensorGroup group = Fixtures.group(BlockType.Q4_K, new LinearShape(1, 2, 256));
    Tensor weight = group.members().get("weight");
    assertDeclined(
        "needs 288 bytes as Q4_K, but the file has room for 287 only",
        with(
            group,
            new Tensor(
                weight.name(), weight.type(), weight.shape(), weight.bytes().asSlice(0, 287))));
    assertDeclined(
        "has shape [256, 2], expected 2 × 256",
        with(group, new Tensor(weight.name(), weight.type(), List.of(256L, 2L), weight.bytes())));
    assertDeclined(
        "stands alone",
        new TensorGroup(
            group.id(),
            group.stem(),
            group.shape(),
            Map.of("weight", weight, "sign_l.weight", weight)));
    assertDeclined(
        "there is no tensor 'blk.3.q4_k.weight'",
        new TensorGroup(group.id(), group.stem(), group.shape(), Map.of("bias", weight)));
    assertTrue(
        codec.packing(group.shape()) instanceof Offer.Declined, "there is no way to write it");
  }

  private void assertDeclined(String expected, TensorGroup group) {
    if (codec.claim(group) instanceof Offer.Declined<EncodedLinear>(String reason)) {
      assertTrue(reason.contains(expected), reason);
    } else {
      throw new AssertionError("claimed " + group);
    }
  }
}
