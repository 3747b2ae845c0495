package org.espalier.runtime.loading;

import static org.espalier.runtime.loading.MemoryArtifact.BLOCK;
import static org.espalier.runtime.loading.MemoryArtifact.PLAIN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class TensorBinderTest {
  private static final OperatorId QUERY = new OperatorId(0, Role.QUERY);
  private static final LinearShape SHAPE = new LinearShape(1, 3, 5);

  private final MemoryArtifact artifact = new MemoryArtifact();
  private final List<TensorGroup> asked = new ArrayList<>();

  @ParameterizedTest
  @EnumSource
  void plainWeightsNeedNoCodec(ElementType element) {
    artifact.tensor("a.weight", new StorageType.Plain(element), 15 * element.bytes(), 3L, 5L);
    EncodedLinear linear = bind("a", SHAPE, codec("greedy", SHAPE));
    assertEquals(CodecId.PLAIN, linear.codec());
    assertEquals(QUERY, linear.id());
    assertEquals(SHAPE, linear.shape());
    LinearForm.Dense dense = assertInstanceOf(LinearForm.Dense.class, linear.form());
    assertEquals(element, dense.element());
    assertEquals(List.of(artifact.tensors().get("a.weight").bytes()), dense.matrices());
    assertEquals(List.of(), asked);
  }

  @Test
  void plainWeightsMayBeStacks() {
    LinearShape stack = new LinearShape(2, 3, 5);
    artifact
        .tensor("a.weight", PLAIN, 120, 2L, 3L, 5L)
        .tensor("b.weight", PLAIN, 60, 1L, 3L, 5L)
        .tensor("c.weight", PLAIN, 120, 6L, 5L);
    assertEquals(stack, bind("a", stack).shape());
    assertEquals(SHAPE, bind("b", SHAPE).shape(), "a stack of one is a matrix");
    assertThrows(MalformedModel.class, () -> bind("a", SHAPE));
    assertThrows(MalformedModel.class, () -> bind("b", stack));
    assertThrows(MalformedModel.class, () -> bind("c", stack));
  }

  @Test
  void wrongShapesAndSizesAreNamed() {
    artifact.tensor("a.weight", PLAIN, 60, 5L, 3L).tensor("b.weight", PLAIN, 59, 3L, 5L);
    says(assertThrows(MalformedModel.class, () -> bind("a", SHAPE)), "a.weight", "3 × 5", "5 × 3");
    says(assertThrows(MalformedModel.class, () -> bind("b", SHAPE)), "b.weight", "60", "59");
  }

  @Test
  void missingTensorsAreNamed() {
    artifact.tensor("a_norm.weight", PLAIN, 60, 3L, 5L).tensor("a", PLAIN, 60, 3L, 5L);
    says(
        assertThrows(MalformedModel.class, () -> bind("a", SHAPE)),
        "memory.model",
        "'a.weight'",
        "layer 0 QUERY",
        "3 × 5");
  }

  @Test
  void aGroupIsWhatFollowsStemAndDot() {
    artifact
        .tensor("blk.1.q.weight", BLOCK, 68, 3L, 5L)
        .tensor("blk.1.q.sign_r.weight", PLAIN, 20, 5L)
        .tensor("blk.1.q-old.weight", PLAIN, 60, 3L, 5L)
        .tensor("blk.1.q_norm.weight", PLAIN, 20, 5L)
        .tensor("blk.1.q/x", PLAIN, 20, 5L)
        .tensor("blk.10.q.weight", BLOCK, 68, 3L, 5L);
    EncodedLinear linear = bind("blk.1.q", SHAPE, codec("only", SHAPE));
    assertEquals(new CodecId("only"), linear.codec());
    assertEquals(Set.of("weight", "sign_r.weight"), asked.getFirst().members().keySet());
    assertEquals("blk.1.q", asked.getFirst().stem());
    assertEquals(SHAPE, asked.getFirst().shape());
    assertEquals(QUERY, asked.getFirst().id());
  }

  @Test
  void plainWeightsWithSiblingsAreForCodecs() {
    artifact.tensor("a.weight", PLAIN, 60, 3L, 5L).tensor("a.bias", PLAIN, 12, 3L);
    assertEquals(new CodecId("only"), bind("a", SHAPE, codec("only", SHAPE)).codec());
    says(
        assertThrows(Unsupported.class, () -> bind("a", SHAPE)),
        "a.weight",
        "with a.bias",
        "none is installed");
  }

  @Test
  void allReasonsAreGivenWhenNobodyClaims() {
    artifact.tensor("a.weight", BLOCK, 68, 3L, 5L);
    says(
        assertThrows(
            Unsupported.class,
            () -> bind("a", SHAPE, refusing("red", "too blue"), refusing("blue", "too red"))),
        "'a.weight'",
        "type 41",
        "red: too blue",
        "blue: too red");
  }

  @Test
  void twoClaimsAreNamed() {
    artifact.tensor("a.weight", BLOCK, 68, 3L, 5L);
    says(
        assertThrows(
            Unsupported.class,
            () ->
                bind(
                    "a",
                    SHAPE,
                    codec("red", SHAPE),
                    refusing("green", "no"),
                    codec("blue", SHAPE))),
        "'a.weight'",
        "red, blue");
  }

  @Test
  void aCodecThatAnswersSomethingElseIsNamed() {
    artifact.tensor("a.sign.weight", BLOCK, 68, 3L, 5L);
    says(
        assertThrows(
            Unsupported.class, () -> bind("a", SHAPE, codec("odd", new LinearShape(1, 5, 3)))),
        "odd",
        "5 × 3",
        "a.sign.weight");
  }

  private EncodedLinear bind(String stem, LinearShape shape, Codec... codecs) {
    return new TensorBinder(artifact, List.of(codecs)).bind(QUERY, stem, shape);
  }

  private Codec codec(String id, LinearShape shape) {
    return new FakeCodec(id) {
      @Override
      public Offer<EncodedLinear> claim(TensorGroup group) {
        asked.add(group);
        LinearForm form =
            new LinearForm.Tiled(
                new Rotation.Identity(),
                new TileGrid(1, 1),
                (expert, row, column, count, target, offset) -> {},
                new Rotation.Identity());
        return Offer.accepted(new EncodedLinear(group.id(), id(), 0, shape, form, Map.of()));
      }
    };
  }

  private static Codec refusing(String id, String reason) {
    return new FakeCodec(id) {
      @Override
      public Offer<EncodedLinear> claim(TensorGroup group) {
        return Offer.declined(reason);
      }
    };
  }

  private abstract static class FakeCodec implements Codec {
    private final CodecId id;

    FakeCodec(String id) {
      this.id = new CodecId(id);
    }

    @Override
    public CodecId id() {
      return id;
    }

    @Override
    public String description() {
      return "a fake";
    }
  }

  private static void says(EspalierException failure, String... parts) {
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), part + " in: " + failure.getMessage());
    }
  }
}
