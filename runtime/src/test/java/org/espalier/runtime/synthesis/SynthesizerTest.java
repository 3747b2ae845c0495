package org.espalier.runtime.synthesis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;

final class SynthesizerTest {
  private static final Path PATH = Path.of("unused");

  /** Wide enough for the embedding and a bank of experts to be written in several pieces. */
  private static final SyntheticShape SHAPE =
      new SyntheticShape("test", 2, 256, 4, 8, 2, 128, 1100, 64);

  private final RecordingFormat format = new RecordingFormat();
  private final NibbleCodec codec = new NibbleCodec();

  @Test
  void writesTheTensorsOfAnOlmoe() {
    write(SHAPE, 1);
    assertTrue(format.finished && format.closed);
    Map<String, Tensor> tensors = format.tensors;
    assertEquals(3 + 2 * (5 + 3 * 7), tensors.size());
    assertEquals(List.of(1100L, 256L), tensors.get("token_embd.weight").shape());
    assertEquals(List.of(1100L, 256L), tensors.get("output.weight").shape());
    assertEquals(List.of(256L), tensors.get("output_norm.weight").shape());
    for (int layer = 0; layer < 2; layer++) {
      String blk = "blk." + layer + ".";
      for (String norm : List.of("attn_norm", "attn_q_norm", "attn_k_norm", "ffn_norm")) {
        assertEquals(List.of(256L), tensors.get(blk + norm + ".weight").shape());
      }
      assertEquals(List.of(8L, 256L), tensors.get(blk + "ffn_gate_inp.weight").shape());
      for (String linear : List.of("attn_q", "attn_k", "attn_v", "attn_output")) {
        assertBank(blk + linear, 1, 256, 256);
      }
      assertBank(blk + "ffn_gate_exps", 8, 128, 256);
      assertBank(blk + "ffn_up_exps", 8, 128, 256);
      assertBank(blk + "ffn_down_exps", 8, 256, 128);
    }
  }

  @Test
  void writesAllMetadata() {
    write(SHAPE, 1);
    assertEquals("olmoe", format.metadata.text("general.architecture").orElseThrow());
    Map<String, Integer> expected =
        Map.of(
            "block_count", 2,
            "context_length", 64,
            "embedding_length", 256,
            "feed_forward_length", 128,
            "attention.head_count", 4,
            "attention.head_count_kv", 4,
            "expert_count", 8,
            "expert_used_count", 2,
            "vocab_size", 1100);
    expected.forEach((key, value) ->
        assertEquals(value.longValue(), format.metadata.whole("olmoe." + key).orElseThrow()));
    assertEquals(10000, format.metadata.number("olmoe.rope.freq_base").orElseThrow());
    assertEquals(1, format.metadata.number("olmoe.expert_weights_scale").orElseThrow());
    assertEquals(
        1e-5, format.metadata.number("olmoe.attention.layer_norm_rms_epsilon").orElseThrow(), 1e-9);
    assertEquals(1100, format.metadata.texts("tokenizer.ggml.tokens").orElseThrow().size());
  }

  @Test
  void numbersAreOfTheRightSize() {
    write(SHAPE, 1);
    assertEquals(1, deviation("token_embd.weight"), 0.01);
    assertEquals(2.5 / 16, deviation("output.weight"), 0.002);
    assertEquals(1.0 / 16, deviation("blk.1.ffn_gate_inp.weight"), 0.005);
    for (float weight : floats("blk.0.attn_q_norm.weight")) {
      assertEquals(1f, weight);
    }
    for (String signs : List.of("blk.0.attn_q.left", "blk.1.ffn_down_exps.right")) {
      float[] values = floats(signs);
      long positive = IntStream.range(0, values.length).filter(i -> values[i] == 1f).count();
      long negative = IntStream.range(0, values.length).filter(i -> values[i] == -1f).count();
      assertEquals(values.length, positive + negative);
      assertEquals(0.5, positive / (double) values.length, 0.15);
    }
    assertEquals(1 / 16.0, coreDeviation("blk.0.attn_v", 1, 256, 256), 0.001);
    assertEquals(1 / 16.0, coreDeviation("blk.1.ffn_up_exps", 8, 128, 256), 0.001);
    assertEquals(1 / Math.sqrt(128), coreDeviation("blk.1.ffn_down_exps", 8, 256, 128), 0.001);
  }

  @Test
  void noTwoTensorsAndNoTwoPiecesAreAlike() {
    write(SHAPE, 1);
    float[] embedding = floats("token_embd.weight");
    int piece = 1 << 18;
    assertTrue(embedding.length > piece);
    assertNotEquals(embedding[0], embedding[piece]);
    assertNotEquals(embedding[0], floats("output.weight")[0] * 16 / 2.5f, 1e-3f);
    assertNotEquals(-1, mismatch("blk.0.ffn_gate_exps.codes", "blk.0.ffn_up_exps.codes"));
    assertNotEquals(-1, mismatch("blk.0.attn_q.codes", "blk.1.attn_q.codes"));
  }

  @Test
  void theSeedAloneDecidesTheBytes() {
    write(SHAPE, 7);
    for (int threads : new int[] {1, 3}) {
      RecordingFormat again = new RecordingFormat();
      Synthesizer.write(PATH, SHAPE, again, Optional.of(codec), 7, bytes -> {}, threads);
      format.tensors.forEach((name, tensor) ->
          assertEquals(-1, tensor.bytes().mismatch(again.tensors.get(name).bytes()), name));
    }
    RecordingFormat other = new RecordingFormat();
    Synthesizer.write(PATH, SHAPE, other, Optional.of(codec), 8, bytes -> {});
    for (String name : List.of("output.weight", "blk.1.attn_k.codes", "blk.1.attn_k.left")) {
      assertNotEquals(
          -1, format.tensors.get(name).bytes().mismatch(other.tensors.get(name).bytes()), name);
    }
  }

  @Test
  void progressGrowsToTheWhole() {
    List<Long> seen = new ArrayList<>();
    Synthesizer.write(PATH, SHAPE, format, Optional.of(codec), 1, seen::add);
    for (int i = 1; i < seen.size(); i++) {
      assertTrue(seen.get(i) > seen.get(i - 1));
    }
    long total = format.tensors.values().stream().mapToLong(t -> t.bytes().byteSize()).sum();
    assertEquals(total, seen.getLast());
  }

  @Test
  void aFailureLeavesNothingFinished() {
    format.failAfter = 3_000_000;
    assertThrows(DeviceFailure.class, () -> write(SHAPE, 1));
    assertTrue(format.closed);
    assertFalse(format.finished);
  }

  @Test
  void anInterruptLeavesNothingFinished() {
    assertThrows(
        EspalierException.class,
        () ->
            Synthesizer.write(
                PATH,
                SHAPE,
                format,
                Optional.of(codec),
                1,
                bytes -> Thread.currentThread().interrupt()));
    assertTrue(Thread.interrupted());
    assertTrue(format.closed);
    assertFalse(format.finished);
  }

  @Test
  void aCallerThatStopsListeningLeavesNothingFinished() {
    InvalidRequest enough = new InvalidRequest("enough");
    assertEquals(
        enough,
        assertThrows(
            InvalidRequest.class,
            () ->
                Synthesizer.write(
                    PATH,
                    SHAPE,
                    format,
                    Optional.of(codec),
                    1,
                    bytes -> {
                      throw enough;
                    })));
    assertTrue(format.closed);
    assertFalse(format.finished);
  }

  @Test
  void refusalsAreReported() {
    SyntheticShape odd = new SyntheticShape("odd", 1, 12, 2, 2, 1, 8, 300, 64);
    InvalidRequest invalid = assertThrows(InvalidRequest.class, () -> write(odd, 1));
    assertTrue(invalid.getMessage().contains("multiple of 8"), invalid.getMessage());

    codec.reads = false;
    Unsupported unsupported = assertThrows(Unsupported.class, () -> write(SHAPE, 1));
    assertTrue(unsupported.getMessage().contains("forgotten"), unsupported.getMessage());

    Codec readsOnly =
        new Codec() {
          @Override
          public CodecId id() {
            return new CodecId("old");
          }

          @Override
          public String description() {
            return "only reads";
          }

          @Override
          public Offer<EncodedLinear> claim(TensorGroup group) {
            return Offer.declined("never");
          }
        };
    assertThrows(
        InvalidRequest.class,
        () -> Synthesizer.write(PATH, SHAPE, format, Optional.of(readsOnly), 1, bytes -> {}));

    ModelFormat formatThatReads =
        new ModelFormat() {
          @Override
          public String id() {
            return "stone";
          }

          @Override
          public Offer<ModelArtifact> open(Path path) {
            return Offer.declined("never");
          }
        };
    codec.reads = true;
    unsupported =
        assertThrows(
            Unsupported.class,
            () ->
                Synthesizer.write(
                    PATH, SHAPE, formatThatReads, Optional.of(codec), 1, bytes -> {}));
    assertTrue(unsupported.getMessage().contains("stone"), unsupported.getMessage());
  }

  private void write(SyntheticShape shape, long seed) {
    Synthesizer.write(PATH, shape, format, Optional.of(codec), seed, bytes -> {});
  }

  private void assertBank(String stem, long experts, long outputs, long inputs) {
    assertEquals(List.of(experts, outputs, inputs), format.tensors.get(stem + ".codes").shape());
    assertEquals(List.of(experts, inputs), format.tensors.get(stem + ".right").shape());
    assertEquals(List.of(experts, outputs), format.tensors.get(stem + ".left").shape());
  }

  private double coreDeviation(String stem, int experts, int outputs, int inputs) {
    EncodedLinear linear =
        codec
            .claim(
                new TensorGroup(
                    new OperatorId(0, Role.QUERY),
                    stem,
                    new LinearShape(experts, outputs, inputs),
                    Map.of("codes", format.tensors.get(stem + ".codes"))))
            .orElseThrow(Unsupported::new);
    LinearForm.Tiled form = (LinearForm.Tiled) linear.form();
    float[] row = new float[2 * inputs];
    double squares = 0;
    for (int expert = 0; expert < experts; expert++) {
      for (int tileRow = 0; tileRow < outputs / 2; tileRow++) {
        form.core().decode(expert, tileRow, 0, inputs / 8, row, 0);
        for (float value : row) {
          squares += (double) value * value;
        }
      }
    }
    return Math.sqrt(squares / ((double) experts * outputs * inputs));
  }

  private double deviation(String name) {
    double squares = 0;
    float[] values = floats(name);
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares / values.length);
  }

  private float[] floats(String name) {
    return format.tensors.get(name).bytes().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private long mismatch(String one, String other) {
    return format.tensors.get(one).bytes().mismatch(format.tensors.get(other).bytes());
  }
}
