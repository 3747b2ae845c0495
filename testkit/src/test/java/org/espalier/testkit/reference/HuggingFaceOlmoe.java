package org.espalier.testkit.reference;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.number.Elements;

/**
 * Reads a folder of bfloat16 safetensors and config.json into a plan, by no other code than its
 * own, so that the reference backend can be compared with other implementations of the same model.
 */
final class HuggingFaceOlmoe {
  private final Map<String, MemorySegment> tensors = new HashMap<>();
  private final Map<String, Object> config;

  private HuggingFaceOlmoe(Path folder) throws IOException {
    config = Json.object(Files.readString(folder.resolve("config.json")));
    try (var shards = Files.newDirectoryStream(folder, "*.safetensors")) {
      for (Path shard : shards) {
        readShard(shard);
      }
    }
  }

  static ModelPlan read(Path folder) throws IOException {
    return new HuggingFaceOlmoe(folder).plan();
  }

  private void readShard(Path shard) throws IOException {
    MemorySegment file;
    try (FileChannel channel = FileChannel.open(shard)) {
      file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
    }
    long length = file.get(ValueLayout.JAVA_LONG, 0);
    byte[] header = file.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
    Map<String, Object> entries = Json.object(new String(header, StandardCharsets.UTF_8));
    entries.remove("__metadata__");
    entries.forEach((name, value) -> {
      Map<String, Object> entry = Json.asObject(value);
      if (!"BF16".equals(entry.get("dtype"))) {
        throw new IllegalStateException(name + " is not BF16");
      }
      List<?> offsets = Json.asList(entry.get("data_offsets"));
      long from = ((Number) offsets.get(0)).longValue();
      long to = ((Number) offsets.get(1)).longValue();
      tensors.put(name, file.asSlice(8 + length + from, to - from));
    });
  }

  private ModelPlan plan() {
    int width = whole("hidden_size");
    int vocabulary = whole("vocab_size");
    List<Stage> stages = new ArrayList<>();
    stages.add(
        new Stage.Embedding(
            linear(-1, Role.EMBEDDING, vocabulary, width, "model.embed_tokens.weight")));
    for (int layer = 0; layer < whole("num_hidden_layers"); layer++) {
      stages.add(attention(layer));
      stages.add(mixture(layer));
    }
    stages.add(
        new Stage.Head(
            norm("model.norm.weight"), linear(-1, Role.HEAD, vocabulary, width, "lm_head.weight")));
    return new ModelPlan("olmoe", width, vocabulary, whole("max_position_embeddings"), stages);
  }

  private Stage attention(int layer) {
    String stem = "model.layers." + layer + ".";
    int width = whole("hidden_size");
    int heads = whole("num_attention_heads");
    int keyValueHeads = whole("num_key_value_heads");
    int head = width / heads;
    int keys = keyValueHeads * head;
    return new Stage.Attention(
        layer,
        norm(stem + "input_layernorm.weight"),
        linear(layer, Role.QUERY, width, width, stem + "self_attn.q_proj.weight"),
        linear(layer, Role.KEY, keys, width, stem + "self_attn.k_proj.weight"),
        linear(layer, Role.VALUE, keys, width, stem + "self_attn.v_proj.weight"),
        linear(layer, Role.ATTENTION_OUTPUT, width, width, stem + "self_attn.o_proj.weight"),
        Optional.of(norm(stem + "self_attn.q_norm.weight")),
        Optional.of(norm(stem + "self_attn.k_norm.weight")),
        config.get("clip_qkv") == null
            ? OptionalDouble.empty()
            : OptionalDouble.of(number("clip_qkv")),
        new Rope(head, (float) number("rope_theta")),
        heads,
        keyValueHeads,
        head,
        (float) (1 / Math.sqrt(head)));
  }

  private Stage mixture(int layer) {
    String stem = "model.layers." + layer + ".";
    int width = whole("hidden_size");
    int hidden = whole("intermediate_size");
    int experts = whole("num_experts");
    return new Stage.MixtureOfExperts(
        layer,
        norm(stem + "post_attention_layernorm.weight"),
        linear(layer, Role.ROUTER, experts, width, stem + "mlp.gate.weight"),
        linear(layer, Role.EXPERT_GATE, hidden, width, experts(stem, "gate_proj")),
        linear(layer, Role.EXPERT_UP, hidden, width, experts(stem, "up_proj")),
        linear(layer, Role.EXPERT_DOWN, width, hidden, experts(stem, "down_proj")),
        whole("num_experts_per_tok"),
        (Boolean) config.get("norm_topk_prob"),
        1);
  }

  private String[] experts(String stem, String projection) {
    String[] names = new String[whole("num_experts")];
    for (int expert = 0; expert < names.length; expert++) {
      names[expert] = stem + "mlp.experts." + expert + "." + projection + ".weight";
    }
    return names;
  }

  /** A bank of the named matrices. */
  private EncodedLinear linear(int layer, Role role, int outputs, int inputs, String... names) {
    LinearShape shape = new LinearShape(names.length, outputs, inputs);
    List<MemorySegment> matrices = Arrays.stream(names).map(tensors::get).toList();
    return new EncodedLinear(
        new OperatorId(layer, role),
        CodecId.PLAIN,
        1,
        shape,
        new LinearForm.Dense(ElementType.BF16, matrices),
        Map.of());
  }

  private Norm norm(String name) {
    MemorySegment stored = tensors.get(name);
    long width = stored.byteSize() / ElementType.BF16.bytes();
    MemorySegment weights = Arena.ofAuto().allocate(width * Float.BYTES);
    for (long i = 0; i < width; i++) {
      float weight = Elements.read(stored, ElementType.BF16, i);
      Elements.write(weights, ElementType.F32, i, weight);
    }
    return new Norm(weights, (float) number("rms_norm_eps"));
  }

  private int whole(String key) {
    return ((Number) config.get(key)).intValue();
  }

  private double number(String key) {
    return ((Number) config.get(key)).doubleValue();
  }
}
