package org.espalier.runtime.quantisation.pipeline;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.quantisation.SignVectors;

/** Finished layers as readers of the new file will see them, made from the results so far. */
final class QuantizedLayers {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long ALIGNMENT = 64;

  private final Map<OperatorId, Operator> operators = new LinkedHashMap<>();
  private final Codec codec;
  private final List<Codec> codecs;
  private final WorkFolder work;
  private final long seed;

  /**
   * Layers.
   *
   * @param codec of tiles
   * @param codecs one of which reads blocks
   */
  QuantizedLayers(
      List<Operator> operators, Codec codec, List<Codec> codecs, WorkFolder work, long seed) {
    this.codecs = List.copyOf(codecs);
    operators.forEach(operator -> this.operators.put(operator.id(), operator));
    this.codec = codec;
    this.work = work;
    this.seed = seed;
  }

  /** A layer's stages with their matrices as they were quantised. */
  ModelPlan plan(ModelPlan layer) {
    return new ModelPlan(
        layer.architecture(),
        layer.width(),
        layer.vocabulary(),
        layer.contextLength(),
        layer.stages().stream().map(this::stage).toList());
  }

  private Stage stage(Stage stage) {
    return switch (stage) {
      case Stage.Attention a ->
          new Stage.Attention(
              a.layer(),
              a.norm(),
              linear(a.query()),
              linear(a.key()),
              linear(a.value()),
              linear(a.output()),
              a.queryNorm(),
              a.keyNorm(),
              a.clip(),
              a.rope(),
              a.heads(),
              a.keyValueHeads(),
              a.headDimension(),
              a.scale());
      case Stage.MixtureOfExperts m ->
          new Stage.MixtureOfExperts(
              m.layer(),
              m.norm(),
              m.router(),
              linear(m.gate()),
              linear(m.up()),
              linear(m.down()),
              m.used(),
              m.normalised(),
              m.weightScale());
      case Stage.Embedding _, Stage.Head _ -> stage;
    };
  }

  private EncodedLinear linear(EncodedLinear original) {
    Operator operator = operators.get(original.id());
    if (operator == null) {
      return original;
    }
    return switch (operator.layout()) {
      case Layout.Tiles tiles -> tiles(operator, tiles);
      case Layout.Blocks(BlockQuantizer quantizer) -> blocks(operator, quantizer);
    };
  }

  private EncodedLinear blocks(Operator operator, BlockQuantizer quantizer) {
    long bytes = operator.resultBytes();
    int experts = operator.source().shape().experts();
    MemorySegment blocks = Arena.ofAuto().allocate(experts * bytes, ALIGNMENT);
    for (Operator.Unit unit : operator.units()) {
      MemorySegment.copy(
          MemorySegment.ofArray(result(unit).matrix().codes()),
          0,
          blocks,
          unit.expert() * bytes,
          bytes);
    }
    Tensor weight =
        new Tensor(
            operator.tensor(),
            quantizer.type(),
            List.of((long) operator.rows(), (long) operator.columns()),
            blocks);
    TensorGroup group =
        new TensorGroup(
            operator.id(), operator.stem(), operator.source().shape(), Map.of("weight", weight));
    for (Codec candidate : codecs) {
      if (candidate.claim(group) instanceof Offer.Accepted<EncodedLinear>(EncodedLinear linear)) {
        return linear;
      }
    }
    throw new Unsupported("no codec reads %s".formatted(operator.tensor()));
  }

  private EncodedLinear tiles(Operator operator, Layout.Tiles layout) {
    Packing packing = layout.packing();
    Map<String, Tensor> members = new LinkedHashMap<>();
    put(members, operator, packing.tiles(), codes(operator, layout));
    put(
        members,
        operator,
        packing.inputSigns(),
        signs(operator, operator.inputSigns(packing), operator.columns()));
    put(
        members,
        operator,
        packing.outputSigns(),
        signs(operator, operator.outputSigns(packing), operator.rows()));
    return codec
        .claim(new TensorGroup(operator.id(), operator.stem(), operator.source().shape(), members))
        .orElseThrow(Unsupported::new);
  }

  private static void put(
      Map<String, Tensor> members, Operator operator, Packing.Member member, MemorySegment bytes) {
    String name = operator.stem() + "." + member.suffix();
    members.put(member.suffix(), new Tensor(name, member.type(), member.shape(), bytes));
  }

  private UnitFile.Result result(Operator.Unit unit) {
    return work.result(unit)
        .orElseThrow(() -> new IllegalStateException("no result of " + unit.name()));
  }

  private MemorySegment codes(Operator operator, Layout.Tiles layout) {
    Packing packing = layout.packing();
    int experts = operator.source().shape().experts();
    long bytes = layout.fileBytes(operator.rows(), operator.columns());
    int count = Math.toIntExact(bytes / packing.packedBytes());
    MemorySegment tiles = Arena.ofAuto().allocate(experts * bytes, ALIGNMENT);
    for (Operator.Unit unit : operator.units()) {
      UnitFile.Result result = result(unit);
      packing.pack(
          count,
          result.matrix().codes(),
          result.matrix().scale(),
          tiles.asSlice(unit.expert() * bytes, bytes));
    }
    return tiles;
  }

  private MemorySegment signs(Operator operator, String name, int length) {
    int experts = operator.source().shape().experts();
    long bytes = (long) length * Float.BYTES;
    MemorySegment signs = Arena.ofAuto().allocate(experts * bytes, ALIGNMENT);
    for (int expert = 0; expert < experts; expert++) {
      float[] values = SignVectors.of(seed, name, expert, length);
      MemorySegment.copy(values, 0, signs, F32, expert * bytes, length);
    }
    return signs;
  }
}
