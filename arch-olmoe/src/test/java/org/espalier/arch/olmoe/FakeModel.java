package org.espalier.arch.olmoe;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Real;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * An OLMoE in memory whose metadata and tensors a test can change before it is planned. As it
 * stands: 2 layers, width 8, 4 heads of 2 with 2 key-value heads, 3 experts of width 6 of which 2
 * are used, a vocabulary of 5, all in F32, with the metadata that the published file has.
 */
final class FakeModel implements Binder {
  static final int LAYERS = 2;
  static final int WIDTH = 8;
  static final int KEY_VALUE_WIDTH = 4;
  static final int EXPERTS = 3;
  static final int EXPERT_WIDTH = 6;
  static final int VOCABULARY = 5;
  static final StorageType F32 = new StorageType.Plain(ElementType.F32);

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  final Map<String, MetadataValue> metadata = new LinkedHashMap<>();
  final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** What the plan asked for, in order, as {@code "id stem shape"}. */
  final List<String> bound = new ArrayList<>();

  FakeModel() {
    text("general.architecture", "olmoe");
    whole("olmoe.block_count", LAYERS);
    whole("olmoe.context_length", 64);
    whole("olmoe.embedding_length", WIDTH);
    whole("olmoe.feed_forward_length", EXPERT_WIDTH);
    whole("olmoe.attention.head_count", 4);
    whole("olmoe.attention.head_count_kv", 2);
    real("olmoe.attention.layer_norm_rms_epsilon", 1e-5f);
    real("olmoe.rope.freq_base", 10_000);
    whole("olmoe.expert_count", EXPERTS);
    whole("olmoe.expert_used_count", 2);
    whole("olmoe.vocab_size", VOCABULARY);
    real("olmoe.expert_weights_scale", 1);
    tensor("token_embd.weight", VOCABULARY, WIDTH);
    tensor("output_norm.weight", WIDTH);
    tensor("output.weight", VOCABULARY, WIDTH);
    for (int layer = 0; layer < LAYERS; layer++) {
      addLayer("blk." + layer + ".");
    }
  }

  private void addLayer(String prefix) {
    tensor(prefix + "attn_norm.weight", WIDTH);
    tensor(prefix + "attn_q_norm.weight", WIDTH);
    tensor(prefix + "attn_k_norm.weight", KEY_VALUE_WIDTH);
    tensor(prefix + "ffn_norm.weight", WIDTH);
    tensor(prefix + "ffn_gate_inp.weight", EXPERTS, WIDTH);
    tensor(prefix + "attn_q.weight", WIDTH, WIDTH);
    tensor(prefix + "attn_k.weight", KEY_VALUE_WIDTH, WIDTH);
    tensor(prefix + "attn_v.weight", KEY_VALUE_WIDTH, WIDTH);
    tensor(prefix + "attn_output.weight", WIDTH, WIDTH);
    tensor(prefix + "ffn_gate_exps.weight", EXPERTS, EXPERT_WIDTH, WIDTH);
    tensor(prefix + "ffn_up_exps.weight", EXPERTS, EXPERT_WIDTH, WIDTH);
    tensor(prefix + "ffn_down_exps.weight", EXPERTS, WIDTH, EXPERT_WIDTH);
  }

  void text(String key, String value) {
    metadata.put(key, new Text(value));
  }

  void whole(String key, long value) {
    metadata.put(key, new Whole(WholeType.UINT32, value));
  }

  void real(String key, double value) {
    metadata.put(key, new Real(RealType.FLOAT32, value));
  }

  void flag(String key, boolean value) {
    metadata.put(key, new Flag(value));
  }

  /** An F32 tensor whose elements differ from each other and from those of most others. */
  void tensor(String name, long... shape) {
    int elements = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = name.hashCode() % 1000 + i / 8f;
    }
    tensor(name, F32, bytes(values), shape);
  }

  void tensor(String name, StorageType type, MemorySegment bytes, long... shape) {
    tensors.put(name, new Tensor(name, type, Arrays.stream(shape).boxed().toList(), bytes));
  }

  static MemorySegment bytes(float... values) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    for (int i = 0; i < values.length; i++) {
      bytes.setAtIndex(FLOAT, i, values[i]);
    }
    return bytes;
  }

  float[] values(String name) {
    return tensors.get(name).bytes().toArray(FLOAT);
  }

  Offer<ModelPlan> offer() {
    return new OlmoeArchitecture().plan(artifact(), this);
  }

  ModelArtifact artifact() {
    return new Artifact(new Metadata(metadata), tensors);
  }

  ModelPlan plan() {
    return offer().orElseThrow(MalformedModel::new);
  }

  /** Takes F32 only, and only the shape that is asked for. */
  @Override
  public EncodedLinear bind(OperatorId id, String stem, LinearShape shape) {
    bound.add(id + ", " + stem + ", " + shape);
    Tensor weight = tensors.get(stem + ".weight");
    if (weight == null) {
      throw new MalformedModel("no tensor " + stem + ".weight");
    }
    List<Long> expected =
        shape.experts() == 1
            ? List.of((long) shape.outputs(), (long) shape.inputs())
            : List.of((long) shape.experts(), (long) shape.outputs(), (long) shape.inputs());
    if (!weight.shape().equals(expected)) {
      throw new MalformedModel(weight.name() + " is " + weight.shape() + ", not " + expected);
    }
    LinearForm form = LinearForm.Dense.stack(ElementType.F32, weight.bytes(), shape.experts());
    return new EncodedLinear(id, CodecId.PLAIN, 1, shape, form, Map.of("weights", weight.bytes()));
  }

  private record Artifact(Metadata metadata, Map<String, Tensor> tensors) implements ModelArtifact {
    @Override
    public Path path() {
      return Path.of("fake.gguf");
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public String format() {
      return "memory";
    }

    @Override
    public void close() {}
  }
}
