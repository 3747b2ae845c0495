package org.espalier.runtime.quantisation.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionTypesTest {
  /** A type of nobody's, in blocks of 24. */
  private static final BlockQuantizer BLOCKS =
      new BlockQuantizer() {
        @Override
        public String name() {
          return "b24";
        }

        @Override
        public StorageType type() {
          return new StorageType.Block("test", 1, "b24");
        }

        @Override
        public int size() {
          return 24;
        }

        @Override
        public int bytes() {
          return 10;
        }

        @Override
        public Rounding rounding(double[] metric) {
          throw new IllegalStateException("nothing is rounded here");
        }
      };

  /** Offers the type, and holds nothing in tiles. */
  private static final Codec CODEC =
      new Codec() {
        @Override
        public CodecId id() {
          return new CodecId("test");
        }

        @Override
        public String description() {
          return "for tests";
        }

        @Override
        public Offer<EncodedLinear> claim(TensorGroup group) {
          return Offer.declined("never");
        }

        @Override
        public List<BlockQuantizer> blockQuantizers() {
          return List.of(BLOCKS);
        }
      };

  private static AttentionTypes types(String text) {
    return AttentionTypes.of(text, List.of(CODEC));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "codes | codes",
        "b24 | b24",
        "q8_0 | q8_0",
        "v=b24 | q=codes,k=codes,v=b24,o=codes",
        "o=f16,q=b24 | q=b24,k=codes,v=codes,o=f16",
        "q=b24,k=b24,v=b24,o=b24 | b24",
        "v=codes | codes"
      })
  void whatIsReadIsSaidAgain(String text, String said) {
    assertEquals(said, types(text).text());
    assertEquals(types(text), types(said));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "b25", "B24", "x=b24", "v=b24,v=f16", "v=b24,", "v", "v=", "q,k=b24"})
  void whatIsNoTypeIsRefused(String text) {
    InvalidRequest refused = assertThrows(InvalidRequest.class, () -> types(text));
    assertTrue(refused.getMessage().startsWith("--attention"), refused.getMessage());
  }

  private static EncodedLinear linear(Role role, int columns) {
    return new EncodedLinear(
        new OperatorId(0, role),
        CodecId.PLAIN,
        0,
        new LinearShape(1, 5, columns),
        new LinearForm.Dense(
            ElementType.F32, List.of(MemorySegment.ofArray(new byte[5 * columns * Float.BYTES]))),
        Map.of());
  }

  private static Optional<String> hindrance(Role role, int columns) {
    Recipe recipe = new Recipe(true, Optional.empty(), false, 0, Optional.empty(), 0, types("q=b24,v=f16"));
    return ModelSource.hindrance(linear(role, columns), CODEC, recipe);
  }

  @Test
  void rowsThatBlocksDoNotFillStayPlainForAReason() {
    assertEquals(Optional.empty(), hindrance(Role.QUERY, 48));
    assertEquals(
        "b24 stores blocks of 24 values, which rows of 50 are not",
        hindrance(Role.QUERY, 50).orElseThrow());
    assertEquals(Optional.empty(), hindrance(Role.VALUE, 50));
    assertTrue(hindrance(Role.KEY, 48).orElseThrow().contains("only reads"));
  }
}
