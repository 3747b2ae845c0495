package org.espalier.arch.olmoe;

import java.util.List;
import java.util.Set;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;

/**
 * Metadata keys of other architectures that change what a model computes. A file may carry them
 * with the value that changes nothing; with any other it is refused.
 */
final class ForeignKeys {
  private static final String ROPE_SCALING_TYPE = "rope.scaling.type";

  private static final List<Key> KEYS =
      List.of(
          new Key("attention.sliding_window", "sliding-window attention", Set.of(0.0)),
          new Key("attention.causal", "attention to later positions", Set.of(1.0)),
          new Key("attention.max_alibi_bias", "ALiBi positions", Set.of(0.0)),
          new Key("attn_logit_softcapping", "soft-capped attention", Set.of(0.0)),
          new Key("router_logit_softcapping", "a soft-capped router", Set.of(0.0)),
          new Key("final_logit_softcapping", "soft-capped logits", Set.of(0.0)),
          new Key("logit_scale", "scaled logits", Set.of(0.0, 1.0)),
          new Key("residual_scale", "a scaled residual stream", Set.of(0.0, 1.0)),
          new Key("embedding_scale", "a scaled embedding", Set.of(0.0, 1.0)),
          new Key("use_parallel_residual", "attention and experts side by side", Set.of(0.0)),
          new Key("expert_gating_func", "a router without softmax", Set.of(1.0)),
          new Key("expert_shared_count", "shared experts", Set.of(0.0)),
          new Key("expert_shared_feed_forward_length", "shared experts", Set.of(0.0)),
          new Key("expert_group_count", "grouped experts", Set.of(0.0, 1.0)),
          new Key("leading_dense_block_count", "layers without experts", Set.of(0.0)),
          new Key("interleave_moe_layer_step", "layers without experts", Set.of(0.0, 1.0)),
          new Key("moe_every_n_layers", "layers without experts", Set.of(0.0, 1.0)),
          new Key("rope.scale_linear", "scaled rotary positions", Set.of(0.0, 1.0)));

  /** Names no type of scaling, but means a linear one where it stands without a type. */
  private static final Key ROPE_SCALING_FACTOR =
      new Key("rope.scaling.factor", "scaled rotary positions", Set.of(0.0, 1.0));

  private ForeignKeys() {}

  /**
   * Looks for such keys.
   *
   * @throws Unsupported when there is one that matters, with its name and what it asks for
   */
  static void refuse(Metadata metadata) {
    KEYS.forEach(key -> key.refuse(metadata));
    String scaling = metadata.text(GgufConfig.PREFIX + ROPE_SCALING_TYPE).orElse("");
    if (scaling.isEmpty()) {
      ROPE_SCALING_FACTOR.refuse(metadata);
    } else if (!scaling.equals("none")) {
      throw new Unsupported(
          "metadata key '%s' asks for scaled rotary positions of type '%s', which OLMoE does not have"
              .formatted(GgufConfig.PREFIX + ROPE_SCALING_TYPE, scaling));
    }
  }

  /**
   * One key.
   *
   * @param name without the architecture
   * @param feature what it asks for
   * @param neutral values that change nothing; true counts as 1, false as 0
   */
  private record Key(String name, String feature, Set<Double> neutral) {

    void refuse(Metadata metadata) {
      MetadataValue value = metadata.entries().get(GgufConfig.PREFIX + name);
      if (value != null && !isNeutral(value)) {
        throw new Unsupported(
            "metadata key '%s' asks for %s, which OLMoE does not have"
                .formatted(GgufConfig.PREFIX + name, feature));
      }
    }

    private boolean isNeutral(MetadataValue value) {
      return switch (value) {
        case MetadataValue.Whole(_, long whole) -> neutral.contains((double) whole);
        // Adding 0 makes −0 a 0.
        case MetadataValue.Real(_, double real) -> neutral.contains(real + 0.0);
        case MetadataValue.Flag(boolean flag) -> neutral.contains(flag ? 1.0 : 0.0);
        case MetadataValue.Text _,
            MetadataValue.Texts _,
            MetadataValue.Wholes _,
            MetadataValue.Reals _,
            MetadataValue.Flags _,
            MetadataValue.Nested _ ->
            false;
      };
    }
  }
}
