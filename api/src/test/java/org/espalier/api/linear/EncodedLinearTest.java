package org.espalier.api.linear;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Test;

final class EncodedLinearTest {
  private static final OperatorId GATE = new OperatorId(2, Role.EXPERT_GATE);
  private static final LinearShape BANK = new LinearShape(3, 2, 5);

  @Test
  void runsInItsModule() {
    assertTrue(EncodedLinear.class.getModule().isNamed());
  }

  @Test
  void aStackIsCutIntoItsExperts() {
    MemorySegment stack = MemorySegment.ofArray(new byte[60]);
    LinearForm.Dense dense = LinearForm.Dense.stack(ElementType.BF16, stack, 3);
    assertEquals(
        List.of(stack.asSlice(0, 20), stack.asSlice(20, 20), stack.asSlice(40, 20)),
        dense.matrices());
    assertEquals(60, linear(dense).bytes());
  }

  @Test
  void expertsMayLieApart() {
    MemorySegment one = MemorySegment.ofArray(new byte[40]);
    MemorySegment other = MemorySegment.ofArray(new byte[40]);
    assertEquals(
        120, linear(new LinearForm.Dense(ElementType.F32, List.of(other, one, other))).bytes());
  }

  @Test
  void refusesStacksThatCannotBeCut() {
    assertThrows(
        IllegalArgumentException.class,
        () -> LinearForm.Dense.stack(ElementType.F16, MemorySegment.ofArray(new byte[61]), 3));
  }

  @Test
  void refusesDenseFormsOfAnotherShape() {
    MemorySegment matrix = MemorySegment.ofArray(new byte[20]);
    LinearForm two = new LinearForm.Dense(ElementType.F16, List.of(matrix, matrix));
    LinearForm odd =
        new LinearForm.Dense(ElementType.F16, List.of(matrix, matrix, matrix.asSlice(0, 18)));
    LinearForm wide = new LinearForm.Dense(ElementType.F32, List.of(matrix, matrix, matrix));
    assertThrows(IllegalArgumentException.class, () -> linear(two));
    assertThrows(IllegalArgumentException.class, () -> linear(odd));
    assertThrows(IllegalArgumentException.class, () -> linear(wide));
  }

  private static EncodedLinear linear(LinearForm form) {
    return new EncodedLinear(GATE, CodecId.PLAIN, 0, BANK, form, Map.of());
  }
}
