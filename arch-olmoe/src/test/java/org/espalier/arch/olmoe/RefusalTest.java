package org.espalier.arch.olmoe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.tensor.StorageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are broken, hostile, or ask for what OLMoE does not have. */
final class RefusalTest {
  private final FakeModel model = new FakeModel();

  private void assertMalformed(String... parts) {
    assertSays(assertThrows(MalformedModel.class, model::plan), parts);
  }

  private void assertUnsupported(String... parts) {
    assertSays(assertThrows(Unsupported.class, model::plan), parts);
  }

  private static void assertSays(EspalierException refusal, String... parts) {
    String message = refusal.getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "'" + message + "' lacks '" + part + "'");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "olmoe.block_count",
        "olmoe.context_length",
        "olmoe.embedding_length",
        "olmoe.feed_forward_length",
        "olmoe.attention.head_count",
        "olmoe.attention.layer_norm_rms_epsilon",
        "olmoe.expert_count",
        "olmoe.expert_used_count"
      })
  void namesTheKeyThatIsMissing(String key) {
    model.metadata.remove(key);
    assertMalformed("'" + key + "'", "lack");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "olmoe.block_count",
        "olmoe.context_length",
        "olmoe.embedding_length",
        "olmoe.feed_forward_length",
        "olmoe.attention.head_count",
        "olmoe.attention.head_count_kv",
        "olmoe.attention.key_length",
        "olmoe.rope.dimension_count",
        "olmoe.expert_count",
        "olmoe.expert_used_count"
      })
  void countsMustBePositiveAndFitAnInt(String key) {
    for (long value : new long[] {0, -1, 1L << 31, 1L << 32, Long.MIN_VALUE, Long.MAX_VALUE}) {
      model.metadata.put(key, new MetadataValue.Whole(WholeType.UINT64, value));
      assertMalformed("'" + key + "'", "must be from 1 to 2147483647");
    }
    model.text(key, "8");
    assertMalformed("'" + key + "'", "a whole number");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "olmoe.attention.layer_norm_rms_epsilon",
        "olmoe.attention.clamp_kqv",
        "olmoe.attention.scale",
        "olmoe.rope.freq_base",
        "olmoe.expert_weights_scale"
      })
  void realsMustBePositiveAndFinite(String key) {
    for (double value :
        new double[] {Double.NaN, -1, Double.POSITIVE_INFINITY, 1e300, 1e-300, -1e300}) {
      model.real(key, value);
      assertMalformed("'" + key + "'", "must be a positive number");
    }
    model.flag(key, true);
    assertMalformed("'" + key + "'", "a number");
  }

  @Test
  void moreLayersThanTensors() {
    model.whole("olmoe.block_count", Integer.MAX_VALUE);
    assertMalformed("2147483647 layers", "27 tensors");
    assertEquals(List.of(), model.bound);
  }

  @Test
  void moreLayersThanThereAre() {
    model.whole("olmoe.block_count", 3);
    assertMalformed("blk.2.attn_norm.weight", "lacks");
  }

  @Test
  void fewerLayersThanThereAre() {
    model.whole("olmoe.block_count", 1);
    assertMalformed("blk.1.", "1 layers");
  }

  @Test
  void headsThatDoNotDivideTheWidth() {
    model.whole("olmoe.attention.head_count", 3);
    assertMalformed("width of 8", "3 attention heads");
    model.whole("olmoe.attention.head_count", 16);
    assertMalformed("width of 8", "16 attention heads");
  }

  @Test
  void keyValueHeadsThatDoNotDivideTheHeads() {
    model.whole("olmoe.attention.head_count_kv", 3);
    assertMalformed("4 attention heads", "3 key-value heads");
    model.whole("olmoe.attention.head_count_kv", 8);
    assertMalformed("4 attention heads", "8 key-value heads");
  }

  @Test
  void headsTooManyToCount() {
    model.whole("olmoe.attention.key_length", Integer.MAX_VALUE - 1);
    assertMalformed("4 attention heads of 2147483646 values");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 4, 3})
  void rotaryDimensionsMustBeEvenAndWithinTheHead(long dimensions) {
    model.whole("olmoe.rope.dimension_count", dimensions);
    assertMalformed("turns " + dimensions + " values", "head's 2");
  }

  @Test
  void moreExpertsUsedThanThereAre() {
    model.whole("olmoe.expert_used_count", 4);
    assertMalformed("uses 4 experts", "only 3");
  }

  @Test
  void hugeDimensionsAllocateNothing() {
    model.whole("olmoe.embedding_length", Integer.MAX_VALUE);
    model.whole("olmoe.attention.head_count", 1);
    model.whole("olmoe.attention.head_count_kv", 1);
    model.whole("olmoe.rope.dimension_count", 2);
    assertMalformed("token_embd.weight", "[5, 8]", "2147483647");
  }

  @Test
  void embeddingOfAnotherShape() {
    model.tensor("token_embd.weight", 5, 7);
    assertMalformed("token_embd.weight", "[5, 7]", "8 values");
    model.tensor("token_embd.weight", 40);
    assertMalformed("token_embd.weight", "[40]");
    model.tensors.remove("token_embd.weight");
    assertMalformed("'token_embd.weight'", "lacks");
  }

  @Test
  void embeddingWithTooManyRows() {
    model.tensor("token_embd.weight", FakeModel.F32, FakeModel.bytes(), 1L << 40, 8);
    assertMalformed("token_embd.weight", "[1099511627776, 8]");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "output_norm.weight",
        "blk.0.attn_norm.weight",
        "blk.1.attn_q_norm.weight",
        "blk.1.attn_k_norm.weight",
        "blk.0.ffn_norm.weight"
      })
  void normsThatAreMissingOrOfAnotherShape(String name) {
    model.tensor(name, 9);
    assertMalformed("'" + name + "'", "[9]", "expected [");
    model.tensor(name, 1, 8);
    assertMalformed("'" + name + "'", "[1, 8]", "expected [");
    model.tensors.remove(name);
    assertMalformed("'" + name + "'", "lacks");
  }

  @Test
  void normsWithoutTheirBytes() {
    model.tensor("output_norm.weight", FakeModel.F32, FakeModel.bytes(1, 2, 3), 8);
    assertMalformed("output_norm.weight", "needs 32 bytes", "has 12");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void normsThatHoldNoNumbers(float weight) {
    model.tensor(
        "blk.0.ffn_norm.weight", FakeModel.F32, FakeModel.bytes(1, 1, 1, 1, 1, 1, 1, weight), 8);
    assertMalformed("blk.0.ffn_norm.weight", Float.toString(weight), "index 7");
  }

  @Test
  void normsThatOnlyACodecCouldRead() {
    StorageType type = new StorageType.Block("ggml", 12, "Q4_K");
    model.tensor("blk.0.attn_norm.weight", type, FakeModel.bytes(), 8);
    assertUnsupported("blk.0.attn_norm.weight", "Q4_K", "F32, F16 or BF16");
  }

  @ParameterizedTest
  @ValueSource(strings = {"output.weight", "blk.1.ffn_down_exps.weight", "blk.0.attn_v.weight"})
  void linearsOfAnotherShapeAreTheBindersToRefuse(String name) {
    model.tensor(name, 8, 9);
    assertMalformed(name);
  }

  @ParameterizedTest
  @CsvSource({
    "attention.sliding_window, 4096, sliding-window",
    "attention.causal, 0, later positions",
    "attention.max_alibi_bias, 8, ALiBi",
    "expert_gating_func, 2, without softmax",
    "expert_gating_func, 0, without softmax",
    "expert_shared_count, 1, shared experts",
    "expert_shared_feed_forward_length, 512, shared experts",
    "expert_group_count, 8, grouped experts",
    "leading_dense_block_count, 1, without experts",
    "interleave_moe_layer_step, 2, without experts",
    "moe_every_n_layers, 2, without experts"
  })
  void wholeNumbersThatAskForMore(String name, long value, String feature) {
    model.whole("olmoe." + name, value);
    assertUnsupported("'olmoe." + name + "'", feature, "does not have");
  }

  @ParameterizedTest
  @CsvSource({
    "attn_logit_softcapping, 50",
    "router_logit_softcapping, 30",
    "final_logit_softcapping, 30",
    "logit_scale, 0.0625",
    "residual_scale, 0.22",
    "embedding_scale, 12",
    "rope.scale_linear, 4",
    "rope.scaling.factor, 4",
    "logit_scale, NaN"
  })
  void realNumbersThatAskForMore(String name, double value) {
    model.real("olmoe." + name, value);
    assertUnsupported("'olmoe." + name + "'", "does not have");
  }

  @Test
  void flagsAndOddTypesThatAskForMore() {
    model.flag("olmoe.use_parallel_residual", true);
    assertUnsupported("'olmoe.use_parallel_residual'", "side by side");
    model.metadata.remove("olmoe.use_parallel_residual");
    model.flag("olmoe.attention.causal", false);
    assertUnsupported("'olmoe.attention.causal'");
    model.metadata.remove("olmoe.attention.causal");
    model.metadata.put(
        "olmoe.attention.sliding_window",
        new MetadataValue.Wholes(WholeType.UINT32, List.of(0L, 4096L)));
    assertUnsupported("'olmoe.attention.sliding_window'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"linear", "yarn", "longrope"})
  void scaledRotaryPositions(String type) {
    model.text("olmoe.rope.scaling.type", type);
    assertUnsupported("'olmoe.rope.scaling.type'", "'" + type + "'");
  }

  @Test
  void keysThatChangeNothingAreNoReason() {
    model.text("olmoe.rope.scaling.type", "none");
    model.real("olmoe.rope.scaling.factor", 4);
    model.real("olmoe.rope.scale_linear", 1);
    model.whole("olmoe.attention.sliding_window", 0);
    model.flag("olmoe.attention.causal", true);
    model.flag("olmoe.use_parallel_residual", false);
    model.whole("olmoe.expert_gating_func", 1);
    model.whole("olmoe.expert_shared_count", 0);
    model.real("olmoe.logit_scale", 1);
    model.real("olmoe.final_logit_softcapping", -0.0);
    assertEquals(6, model.plan().stages().size());
  }

  @Test
  void keysAndValuesOfDifferentLengths() {
    model.whole("olmoe.attention.value_length", 4);
    assertUnsupported("olmoe.attention.key_length", "olmoe.attention.value_length");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "blk.0.attn_q.bias",
        "blk.1.ffn_gate_inp.bias",
        "output.bias",
        "blk.0.attn_norm.bias",
        "output_norm.bias"
      })
  void biases(String name) {
    model.tensor(name, 8);
    assertUnsupported("'" + name + "'", "no biases");
  }

  @ParameterizedTest
  @ValueSource(strings = {"blk.0.ffn_gate_shexp.weight", "blk.1.ffn_down_shexp.weight"})
  void sharedExperts(String name) {
    model.tensor(name, 6, 8);
    assertUnsupported("'" + name + "'", "no shared experts");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "blk.0.ffn_up.weight",
        "blk.0.post_attention_norm.weight",
        "blk.0.attn_q_norm.scale",
        "blk.0.attn_q",
        "blk.01.attn_q.weight",
        "blk.-1.attn_q.weight",
        "blk.attn_q.weight",
        "blk.0.",
        "rope_freqs.weight",
        "token_embd_norm.weight",
        "token_embd",
        "cls.weight",
        ""
      })
  void tensorsWithoutAPlace(String name) {
    model.tensor(name, 8);
    assertUnsupported("'" + name + "'", "no place");
  }

  @ParameterizedTest
  @ValueSource(strings = {"blk.2.attn_q.weight", "blk.9999999999.attn_q.weight"})
  void tensorsOfLayersThatAreNot(String name) {
    model.tensor(name, 8, 8);
    assertMalformed("'" + name + "'", "2 layers");
  }
}
