package org.espalier.arch.olmoe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.OptionalDouble;
import org.espalier.api.Offer;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class OlmoeArchitectureTest {
  private final FakeModel model = new FakeModel();

  private Stage.Attention attention(int layer) {
    return assertInstanceOf(Stage.Attention.class, model.plan().stages().get(1 + 2 * layer));
  }

  private Stage.MixtureOfExperts mixture(int layer) {
    return assertInstanceOf(Stage.MixtureOfExperts.class, model.plan().stages().get(2 + 2 * layer));
  }

  @Test
  void isANamedModuleThatProvidesAnArchitecture() {
    Module module = OlmoeArchitecture.class.getModule();
    assertTrue(module.isNamed());
    assertEquals("org.espalier.arch.olmoe", module.getName());
    assertTrue(
        module.getDescriptor().provides().stream()
            .anyMatch(service ->
                service.service().equals(Architecture.class.getName())
                    && service.providers().contains(OlmoeArchitecture.class.getName())));
    assertEquals("olmoe", new OlmoeArchitecture().id());
  }

  @Test
  void planOfAWholeModel() {
    ModelPlan plan = model.plan();
    assertEquals("olmoe", plan.architecture());
    assertEquals(8, plan.width());
    assertEquals(5, plan.vocabulary());
    assertEquals(64, plan.contextLength());
    assertEquals(
        List.of(
            Stage.Embedding.class,
            Stage.Attention.class,
            Stage.MixtureOfExperts.class,
            Stage.Attention.class,
            Stage.MixtureOfExperts.class,
            Stage.Head.class),
        plan.stages().stream().map(Object::getClass).toList());
    assertTrue(plan.takesTokens());
    assertTrue(plan.givesLogits());
  }

  @Test
  void everyOperatorIsBoundByItsNameAndShape() {
    model.plan();
    assertEquals(
        List.of(
            "EMBEDDING, token_embd, 5 × 8",
            "layer 0 QUERY, blk.0.attn_q, 8 × 8",
            "layer 0 KEY, blk.0.attn_k, 4 × 8",
            "layer 0 VALUE, blk.0.attn_v, 4 × 8",
            "layer 0 ATTENTION_OUTPUT, blk.0.attn_output, 8 × 8",
            "layer 0 ROUTER, blk.0.ffn_gate_inp, 3 × 8",
            "layer 0 EXPERT_GATE, blk.0.ffn_gate_exps, 3 × 6 × 8",
            "layer 0 EXPERT_UP, blk.0.ffn_up_exps, 3 × 6 × 8",
            "layer 0 EXPERT_DOWN, blk.0.ffn_down_exps, 3 × 8 × 6",
            "layer 1 QUERY, blk.1.attn_q, 8 × 8",
            "layer 1 KEY, blk.1.attn_k, 4 × 8",
            "layer 1 VALUE, blk.1.attn_v, 4 × 8",
            "layer 1 ATTENTION_OUTPUT, blk.1.attn_output, 8 × 8",
            "layer 1 ROUTER, blk.1.ffn_gate_inp, 3 × 8",
            "layer 1 EXPERT_GATE, blk.1.ffn_gate_exps, 3 × 6 × 8",
            "layer 1 EXPERT_UP, blk.1.ffn_up_exps, 3 × 6 × 8",
            "layer 1 EXPERT_DOWN, blk.1.ffn_down_exps, 3 × 8 × 6",
            "HEAD, output, 5 × 8"),
        model.bound);
  }

  @Test
  void operatorsStandWhereTheyBelong() {
    Stage.Attention attention = attention(1);
    assertEquals(new OperatorId(1, Role.QUERY), attention.query().id());
    assertEquals(new OperatorId(1, Role.KEY), attention.key().id());
    assertEquals(new OperatorId(1, Role.VALUE), attention.value().id());
    assertEquals(new OperatorId(1, Role.ATTENTION_OUTPUT), attention.output().id());
    Stage.MixtureOfExperts mixture = mixture(1);
    assertEquals(new OperatorId(1, Role.ROUTER), mixture.router().id());
    assertEquals(new OperatorId(1, Role.EXPERT_GATE), mixture.gate().id());
    assertEquals(new OperatorId(1, Role.EXPERT_UP), mixture.up().id());
    assertEquals(new OperatorId(1, Role.EXPERT_DOWN), mixture.down().id());
  }

  @Test
  void numbersOfAttention() {
    Stage.Attention attention = attention(1);
    assertEquals(1, attention.layer());
    assertEquals(4, attention.heads());
    assertEquals(2, attention.keyValueHeads());
    assertEquals(2, attention.headDimension());
    assertEquals((float) (1 / Math.sqrt(2)), attention.scale());
    assertEquals(new Rope(2, 10_000), attention.rope());
    assertEquals(OptionalDouble.empty(), attention.clip());
  }

  @Test
  void numbersOfTheMixture() {
    Stage.MixtureOfExperts mixture = mixture(1);
    assertEquals(1, mixture.layer());
    assertEquals(3, mixture.experts());
    assertEquals(2, mixture.used());
    assertEquals(false, mixture.normalised());
    assertEquals(1, mixture.weightScale());
  }

  @Test
  void everyNormHasItsOwnWeightsAndTheFilesEpsilon() {
    assertArrayEquals(model.values("blk.1.attn_norm.weight"), attention(1).norm().weights());
    assertArrayEquals(
        model.values("blk.1.attn_q_norm.weight"), attention(1).queryNorm().get().weights());
    assertArrayEquals(
        model.values("blk.1.attn_k_norm.weight"), attention(1).keyNorm().get().weights());
    assertArrayEquals(model.values("blk.1.ffn_norm.weight"), mixture(1).norm().weights());
    Stage.Head head = assertInstanceOf(Stage.Head.class, model.plan().stages().getLast());
    assertArrayEquals(model.values("output_norm.weight"), head.norm().weights());
    assertEquals(1e-5f, attention(0).norm().epsilon());
    assertEquals(1e-5f, head.norm().epsilon());
  }

  /** A norm lives on after the file is closed, so it must not be the file's memory. */
  @Test
  void normsAreCopies() {
    Stage.Attention attention = attention(0);
    float before = attention.norm().weights()[0];
    model.tensors.get("blk.0.attn_norm.weight").bytes().fill((byte) 0);
    assertEquals(before, attention.norm().weights()[0]);
    assertTrue(before != 0);
  }

  @ParameterizedTest
  @CsvSource({"F16, 0x3E00", "BF16, 0x3FC0"})
  void normsMayBeStoredInSixteenBits(ElementType element, String oneAndAHalf) {
    int bits = Integer.decode(oneAndAHalf);
    MemorySegment bytes = MemorySegment.ofArray(new byte[2 * FakeModel.WIDTH]);
    ValueLayout.OfShort layout =
        ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < FakeModel.WIDTH; i++) {
      // The top bit is the sign in both types.
      bytes.setAtIndex(layout, i, (short) (i % 2 == 0 ? bits : bits | 0x8000));
    }
    model.tensor("blk.0.ffn_norm.weight", new StorageType.Plain(element), bytes, FakeModel.WIDTH);
    assertArrayEquals(
        new float[] {1.5f, -1.5f, 1.5f, -1.5f, 1.5f, -1.5f, 1.5f, -1.5f},
        mixture(0).norm().weights());
  }

  @Test
  void whatIsAbsentHasTheDocumentedValue() {
    model.metadata.remove("olmoe.attention.head_count_kv");
    model.metadata.remove("olmoe.rope.freq_base");
    model.metadata.remove("olmoe.expert_weights_scale");
    model.metadata.remove("olmoe.vocab_size");
    for (int layer = 0; layer < FakeModel.LAYERS; layer++) {
      model.tensor("blk." + layer + ".attn_k_norm.weight", 8);
      model.tensor("blk." + layer + ".attn_k.weight", 8, 8);
      model.tensor("blk." + layer + ".attn_v.weight", 8, 8);
    }
    assertEquals(4, attention(0).keyValueHeads());
    assertEquals(new Rope(2, 10_000), attention(0).rope());
    assertEquals(1, mixture(0).weightScale());
    assertEquals(5, model.plan().vocabulary());
  }

  @Test
  void whatIsPresentIsHonoured() {
    model.real("olmoe.rope.freq_base", 500_000);
    model.real("olmoe.attention.clamp_kqv", 8);
    model.real("olmoe.attention.scale", 0.25);
    model.real("olmoe.attention.layer_norm_rms_epsilon", 1e-6);
    model.flag("olmoe.expert_weights_norm", true);
    model.real("olmoe.expert_weights_scale", 2.5);
    assertEquals(500_000, attention(0).rope().base());
    assertEquals(OptionalDouble.of(8), attention(0).clip());
    assertEquals(0.25f, attention(0).scale());
    assertEquals(1e-6f, attention(0).norm().epsilon());
    assertTrue(mixture(0).normalised());
    assertEquals(2.5f, mixture(0).weightScale());
  }

  @Test
  void aClampOfZeroIsNone() {
    model.real("olmoe.attention.clamp_kqv", 0);
    assertEquals(OptionalDouble.empty(), attention(0).clip());
  }

  @Test
  void headsNeedNotFillTheWidth() {
    model.whole("olmoe.attention.key_length", 6);
    model.whole("olmoe.attention.value_length", 6);
    model.whole("olmoe.rope.dimension_count", 4);
    for (int layer = 0; layer < FakeModel.LAYERS; layer++) {
      String prefix = "blk." + layer + ".";
      model.tensor(prefix + "attn_q_norm.weight", 24);
      model.tensor(prefix + "attn_k_norm.weight", 12);
      model.tensor(prefix + "attn_q.weight", 24, 8);
      model.tensor(prefix + "attn_k.weight", 12, 8);
      model.tensor(prefix + "attn_v.weight", 12, 8);
      model.tensor(prefix + "attn_output.weight", 8, 24);
    }
    assertEquals(6, attention(0).headDimension());
    assertEquals((float) (1 / Math.sqrt(6)), attention(0).scale());
    assertEquals(4, attention(0).rope().dimensions());
  }

  @Test
  void expertWidthMayHaveItsOwnKey() {
    model.whole("olmoe.feed_forward_length", 999);
    model.whole("olmoe.expert_feed_forward_length", FakeModel.EXPERT_WIDTH);
    assertEquals(6, mixture(0).gate().shape().outputs());
    model.metadata.remove("olmoe.feed_forward_length");
    assertEquals(6, mixture(0).gate().shape().outputs());
  }

  @Test
  void theVocabularyIsTheEmbeddingsRowsWhateverTheMetadataSay() {
    model.whole("olmoe.vocab_size", 50_304);
    assertEquals(5, model.plan().vocabulary());
  }

  @Test
  void withoutAnOutputMatrixTheEmbeddingIsTheHead() {
    model.tensors.remove("output.weight");
    model.plan();
    assertEquals("EMBEDDING, token_embd, 5 × 8", model.bound.getFirst());
    assertEquals("HEAD, token_embd, 5 × 8", model.bound.getLast());
  }

  /** A codec may keep its codes in a tensor of another name. */
  @Test
  void siblingsOfLinearsAreTheCodecsAffair() {
    model.tensor("blk.0.attn_q.sign_r.weight", 8);
    model.tensor("blk.0.ffn_up_exps.sign_l.weight", 3, 6);
    model.tensor("output.sign_r.weight", 8);
    assertEquals(6, model.plan().stages().size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "olmo2", "OLMOE", ""})
  void declinesOtherArchitecturesByName(String architecture) {
    model.text("general.architecture", architecture);
    String reason = assertInstanceOf(Offer.Declined.class, model.offer()).reason();
    assertTrue(reason.contains("'" + architecture + "'"), reason);
    assertEquals(List.of(), model.bound);
  }

  @Test
  void declinesAFileThatNamesNoArchitecture() {
    model.metadata.remove("general.architecture");
    String reason = assertInstanceOf(Offer.Declined.class, model.offer()).reason();
    assertTrue(reason.contains("general.architecture"), reason);
  }
}
