package org.espalier.runtime.loading;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.Binder;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * Finds out what the tensors of a linear operator mean. A group that is nothing but a {@code
 * weight} of plain numbers needs no codec; every other group must be claimed by exactly one.
 */
public final class TensorBinder implements Binder {
  private static final String WEIGHT = "weight";

  private final String file;
  private final List<Codec> codecs;
  private final SortedMap<String, Tensor> tensors;

  /** A binder over the tensors of a file. */
  public TensorBinder(ModelArtifact artifact, List<Codec> codecs) {
    this.file = artifact.path().toString();
    this.codecs = List.copyOf(codecs);
    this.tensors = new TreeMap<>(artifact.tensors());
  }

  @Override
  public EncodedLinear bind(OperatorId id, String stem, LinearShape shape) {
    TensorGroup group = group(id, stem, shape);
    Tensor weight = group.members().get(WEIGHT);
    if (weight != null
        && group.members().size() == 1
        && weight.type() instanceof StorageType.Plain(ElementType element)) {
      return plain(group, weight, element);
    }
    return claimed(group);
  }

  /** All tensors whose name is the stem, a dot and something more. */
  private TensorGroup group(OperatorId id, String stem, LinearShape shape) {
    String prefix = stem + ".";
    // The slash is the character after the dot, so nothing lies between.
    Map<String, Tensor> members =
        tensors.subMap(prefix, stem + "/").entrySet().stream()
            .collect(
                Collectors.toMap(
                    entry -> entry.getKey().substring(prefix.length()), Map.Entry::getValue));
    if (members.isEmpty()) {
      throw new MalformedModel(
          "%s has no tensor '%s%s' (%s, %s)".formatted(file, prefix, WEIGHT, id, shape));
    }
    return new TensorGroup(id, stem, shape, members);
  }

  private EncodedLinear plain(TensorGroup group, Tensor weight, ElementType element) {
    LinearShape shape = group.shape();
    if (!expected(shape).contains(weight.shape())) {
      throw new MalformedModel(
          "tensor '%s' in %s should have the shape %s but has %s"
              .formatted(weight.name(), file, shape, dimensions(weight.shape())));
    }
    MemorySegment bytes = weight.bytes();
    long size = shape.weights() * element.bytes();
    if (bytes.byteSize() != size) {
      throw new MalformedModel(
          "tensor '%s' in %s should take %d bytes as %s of the shape %s but takes %d"
              .formatted(weight.name(), file, size, element, shape, bytes.byteSize()));
    }
    return new EncodedLinear(
        group.id(),
        CodecId.PLAIN,
        0,
        shape,
        LinearForm.Dense.stack(element, bytes, shape.experts()),
        Map.of());
  }

  /** A single matrix may be stored as a stack of one. */
  private static List<List<Long>> expected(LinearShape shape) {
    List<Long> stack =
        List.of((long) shape.experts(), (long) shape.outputs(), (long) shape.inputs());
    return shape.experts() == 1 ? List.of(stack.subList(1, 3), stack) : List.of(stack);
  }

  private EncodedLinear claimed(TensorGroup group) {
    Refusals refusals = new Refusals();
    List<EncodedLinear> claims = new ArrayList<>();
    for (Codec codec : codecs) {
      switch (codec.claim(group)) {
        case Offer.Accepted<EncodedLinear>(EncodedLinear linear) -> claims.add(linear);
        case Offer.Declined<EncodedLinear>(String reason) -> refusals.add(codec.id(), reason);
      }
    }
    return switch (claims.size()) {
      case 0 ->
          throw new Unsupported(
              "no codec understands %s; known codecs: %s (%s)"
                  .formatted(describe(group), known(), refusals.or("none is installed")));
      case 1 -> checked(group, claims.getFirst());
      default ->
          throw new Unsupported(
              "more than one codec claims %s: %s; take all but one of them off the path"
                  .formatted(
                      describe(group),
                      claims.stream()
                          .map(claim -> claim.codec().value())
                          .collect(Collectors.joining(", "))));
    };
  }

  private String known() {
    return codecs.isEmpty()
        ? "none"
        : codecs.stream().map(codec -> codec.id().value()).collect(Collectors.joining(", "));
  }

  private EncodedLinear checked(TensorGroup group, EncodedLinear claim) {
    if (!claim.shape().equals(group.shape()) || !claim.id().equals(group.id())) {
      throw new Unsupported(
          "the codec %s answers for %s with %s of the shape %s: the codec is at fault"
              .formatted(claim.codec(), describe(group), claim.id(), claim.shape()));
    }
    return claim;
  }

  private String describe(TensorGroup group) {
    Map<String, Tensor> members = new TreeMap<>(group.members());
    Tensor largest =
        Collections.max(
            members.values(), Comparator.comparingLong(member -> member.bytes().byteSize()));
    Tensor first = members.getOrDefault(WEIGHT, largest);
    String others =
        members.values().stream()
            .filter(member -> member != first)
            .map(Tensor::name)
            .collect(Collectors.joining(", "));
    return "tensor '%s' in %s of type %s, shape %s%s"
        .formatted(
            first.name(),
            file,
            first.type(),
            dimensions(first.shape()),
            others.isEmpty() ? "" : ", with " + others);
  }

  private static String dimensions(List<Long> shape) {
    return shape.stream().map(String::valueOf).collect(Collectors.joining(" × "));
  }
}
