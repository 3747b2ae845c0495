package org.espalier.runtime.synthesis;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/**
 * The tensors and metadata of a random OLMoE.
 *
 * <p>Sizes are such that every value on the way is of the order of 1: weights of a linear have a
 * deviation of 1/√inputs, so that normalised rows give rows of unit size, and the head's a few
 * times that, so that logits spread like those of a trained model.
 */
final class OlmoeTensors {
  private static final double HEAD_GAIN = 2.5;
  private static final int CORNER = 1024;
  private static final StorageType F32 = new StorageType.Plain(ElementType.F32);
  private static final StorageType BF16 = new StorageType.Plain(ElementType.BF16);

  private final SyntheticShape shape;
  private final Optional<Codec> codec;
  private final Optional<BlockQuantizer> attention;
  private final RandomGenerator random;
  private final List<SyntheticTensor> tensors = new ArrayList<>();
  private final Map<LinearShape, Double> rootMeanSquares = new LinkedHashMap<>();

  private OlmoeTensors(
      SyntheticShape shape,
      Optional<Codec> codec,
      Optional<BlockQuantizer> attention,
      RandomGenerator random) {
    this.shape = shape;
    this.attention = attention;
    this.codec = codec;
    this.random = random;
  }

  /** All tensors, in the order in which they are written. */
  static List<SyntheticTensor> of(
      SyntheticShape shape,
      Optional<Codec> codec,
      Optional<BlockQuantizer> attention,
      RandomGenerator random) {
    OlmoeTensors all = new OlmoeTensors(shape, codec, attention, random);
    double unit = 1 / Math.sqrt(shape.width());
    all.matrix("token_embd.weight", shape.vocabulary(), 1);
    for (int layer = 0; layer < shape.layers(); layer++) {
      all.block("blk." + layer + ".");
    }
    all.norm("output_norm.weight");
    all.matrix("output.weight", shape.vocabulary(), HEAD_GAIN * unit);
    return all.tensors;
  }

  /** All metadata, those of the tokenizer included. */
  static Metadata metadata(SyntheticShape shape) {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("general.architecture", new MetadataValue.Text("olmoe"));
    entries.put("general.name", new MetadataValue.Text(shape.name() + " with random weights"));
    entries.put("olmoe.block_count", whole(shape.layers()));
    entries.put("olmoe.context_length", whole(shape.contextLength()));
    entries.put("olmoe.embedding_length", whole(shape.width()));
    entries.put("olmoe.feed_forward_length", whole(shape.expertWidth()));
    entries.put("olmoe.attention.head_count", whole(shape.heads()));
    entries.put("olmoe.attention.head_count_kv", whole(shape.heads()));
    entries.put("olmoe.attention.layer_norm_rms_epsilon", real(1e-5f));
    entries.put("olmoe.rope.freq_base", real(10000));
    entries.put("olmoe.expert_count", whole(shape.experts()));
    entries.put("olmoe.expert_used_count", whole(shape.expertsUsed()));
    entries.put("olmoe.expert_weights_scale", real(1));
    entries.put("olmoe.vocab_size", whole(shape.vocabulary()));
    entries.putAll(new SyntheticVocabulary(shape.vocabulary()).metadata());
    return new Metadata(entries);
  }

  private void block(String prefix) {
    int width = shape.width();
    int hidden = shape.expertWidth();
    norm(prefix + "attn_norm.weight");
    for (String name : List.of("attn_q", "attn_k", "attn_v", "attn_output")) {
      LinearShape square = new LinearShape(1, width, width);
      attention.ifPresentOrElse(
          quantizer -> blocks(prefix + name, square, quantizer),
          () -> linear(prefix + name, square));
    }
    norm(prefix + "attn_q_norm.weight");
    norm(prefix + "attn_k_norm.weight");
    norm(prefix + "ffn_norm.weight");
    matrix(prefix + "ffn_gate_inp.weight", shape.experts(), 1 / Math.sqrt(width));
    linear(prefix + "ffn_gate_exps", new LinearShape(shape.experts(), hidden, width));
    linear(prefix + "ffn_up_exps", new LinearShape(shape.experts(), hidden, width));
    linear(prefix + "ffn_down_exps", new LinearShape(shape.experts(), width, hidden));
  }

  private void norm(String name) {
    numbers(name, List.of((long) shape.width()), Fillers.ones());
  }

  private void matrix(String name, int outputs, double deviation) {
    numbers(name, List.of((long) outputs, (long) shape.width()), Fillers.gaussian(deviation));
  }

  private void linear(String stem, LinearShape bank) {
    double deviation = 1 / Math.sqrt(bank.inputs());
    codec.ifPresentOrElse(
        encoding -> encoded(stem, bank, encoding, deviation), () -> plain(stem, bank, deviation));
  }

  private void plain(String stem, LinearShape bank, double deviation) {
    List<Long> dimensions = new ArrayList<>(List.of((long) bank.outputs(), (long) bank.inputs()));
    if (stem.endsWith("_exps")) {
      dimensions.addFirst((long) bank.experts());
    }
    tensors.add(
        new SyntheticTensor(
            stem + ".weight",
            BF16,
            dimensions,
            bank.weights(),
            Short.BYTES,
            Fillers.brainGaussian(deviation)));
  }

  private void encoded(String stem, LinearShape bank, Codec encoding, double deviation) {
    Packing packing = packing(bank, encoding);
    float scale = (float) (deviation / rootMeanSquare(bank, encoding));
    Packing.Member tiles = packing.tiles();
    tensors.add(
        new SyntheticTensor(
            stem + "." + tiles.suffix(),
            tiles.type(),
            tiles.shape(),
            CodeScale.tiles(packing),
            packing.packedBytes(),
            Fillers.tiles(packing, scale)));
    for (Packing.Member signs : List.of(packing.inputSigns(), packing.outputSigns())) {
      numbers(stem + "." + signs.suffix(), signs.shape(), Fillers.signs());
    }
  }

  private void blocks(String stem, LinearShape shape, BlockQuantizer quantizer) {
    if (shape.inputs() % quantizer.size() != 0) {
      throw new InvalidRequest(
          "%s stores blocks of %d values, which rows of %d are not"
              .formatted(quantizer.name(), quantizer.size(), shape.inputs()));
    }
    tensors.add(
        new SyntheticTensor(
            stem + ".weight",
            quantizer.type(),
            List.of((long) shape.outputs(), (long) shape.inputs()),
            shape.weights() / quantizer.size(),
            quantizer.bytes(),
            Fillers.blocks(quantizer, 1 / Math.sqrt(shape.inputs()), random)));
  }

  private double rootMeanSquare(LinearShape bank, Codec encoding) {
    // A corner of one matrix says as much as the whole bank.
    LinearShape corner =
        new LinearShape(1, Math.min(bank.outputs(), CORNER), Math.min(bank.inputs(), CORNER));
    return rootMeanSquares.computeIfAbsent(
        corner, key -> CodeScale.rootMeanSquare(encoding, packing(key, encoding), random));
  }

  private static Packing packing(LinearShape bank, Codec encoding) {
    return switch (encoding.packing(bank)) {
      case Offer.Accepted<Packing>(Packing packing) -> packing;
      case Offer.Declined<Packing>(String reason) ->
          throw new InvalidRequest(
              "a synthetic model needs matrices of the shape %s: %s".formatted(bank, reason));
    };
  }

  private void numbers(String name, List<Long> dimensions, SyntheticTensor.Filler filler) {
    long count = dimensions.stream().reduce(1L, Math::multiplyExact);
    tensors.add(new SyntheticTensor(name, F32, dimensions, count, Float.BYTES, filler));
  }

  private static MetadataValue whole(int value) {
    return new MetadataValue.Whole(WholeType.UINT32, value);
  }

  private static MetadataValue real(float value) {
    return new MetadataValue.Real(RealType.FLOAT32, value);
  }
}
