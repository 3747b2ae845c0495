package org.espalier.backend.offload.bank;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;

/**
 * A bank of linears taken apart into what each expert owns, and put together again over other
 * memory. It knows no codec: a codec says which of its parts go by expert, and gives a decoder for
 * their copies.
 */
public final class MovableBank {
  private final EncodedLinear linear;
  private final List<Piece> pieces;

  /**
   * One kind of bytes that every expert has.
   *
   * @param byExpert the bytes of each
   */
  public record Piece(List<MemorySegment> byExpert) {
    public Piece {
      byExpert = List.copyOf(byExpert);
    }

    /** Bytes of one expert. */
    public long bytes() {
      return byExpert.getFirst().byteSize();
    }

    static Piece of(MemorySegment bank, int experts) {
      long bytes = bank.byteSize() / experts;
      return new Piece(
          IntStream.range(0, experts).mapToObj(e -> bank.asSlice(e * bytes, bytes)).toList());
    }
  }

  private MovableBank(EncodedLinear linear, List<Piece> pieces) {
    this.linear = linear;
    this.pieces = List.copyOf(pieces);
  }

  /** Takes a bank apart, if its codec allows it. */
  public static Offer<MovableBank> of(EncodedLinear linear) {
    return switch (linear.form()) {
      case LinearForm.Dense dense ->
          Offer.accepted(new MovableBank(linear, List.of(new Piece(dense.matrices()))));
      case LinearForm.Tiled tiled -> {
        if (tiled.core().bankedParts().isEmpty()) {
          yield Offer.declined(
              "the codec %s of %s cannot move single experts: keep them all in memory, with --backend cpu"
                  .formatted(linear.codec(), linear.id()));
        }
        int experts = linear.shape().experts();
        yield Offer.accepted(
            new MovableBank(
                linear,
                banked(linear, tiled).stream()
                    .map(segment -> Piece.of(segment, experts))
                    .toList()));
      }
    };
  }

  /** What goes by expert: parts of the codec and signs of rotations, each once, always in order. */
  private static List<MemorySegment> banked(EncodedLinear linear, LinearForm.Tiled tiled) {
    Set<MemorySegment> segments = new LinkedHashSet<>();
    for (String part : new TreeSet<>(tiled.core().bankedParts())) {
      segments.add(linear.parts().get(part));
    }
    for (Rotation rotation : List.of(tiled.input(), tiled.output())) {
      if (rotation instanceof Rotation.SignedHadamard(int _, MemorySegment signs)) {
        segments.add(signs);
      }
    }
    return List.copyOf(segments);
  }

  /** What was taken apart. */
  public EncodedLinear linear() {
    return linear;
  }

  /** What each expert owns. */
  public List<Piece> pieces() {
    return pieces;
  }

  /** Bytes of one expert. */
  public long bytes() {
    return pieces.stream().mapToLong(Piece::bytes).sum();
  }

  /**
   * The same operator over other memory.
   *
   * @param places how many experts there is room for
   * @param memory for each piece, {@code places} times its bytes
   */
  public Offer<EncodedLinear> over(int places, List<MemorySegment> memory) {
    LinearShape shape = new LinearShape(places, linear.shape().outputs(), linear.shape().inputs());
    return switch (linear.form()) {
      case LinearForm.Dense dense ->
          Offer.accepted(
              new EncodedLinear(
                  linear.id(),
                  linear.codec(),
                  linear.layout(),
                  shape,
                  LinearForm.Dense.stack(dense.element(), memory.getFirst(), places),
                  linear.parts()));
      case LinearForm.Tiled tiled -> {
        Map<MemorySegment, MemorySegment> moved = new HashMap<>();
        List<MemorySegment> banked = banked(linear, tiled);
        for (int i = 0; i < banked.size(); i++) {
          moved.put(banked.get(i), memory.get(i));
        }
        Map<String, MemorySegment> parts = new HashMap<>(linear.parts());
        parts.replaceAll((_, segment) -> moved.getOrDefault(segment, segment));
        yield tiled
            .core()
            .over(places, parts)
            .map(core ->
                new EncodedLinear(
                    linear.id(),
                    linear.codec(),
                    linear.layout(),
                    shape,
                    new LinearForm.Tiled(
                        turned(tiled.output(), moved),
                        tiled.grid(),
                        core,
                        turned(tiled.input(), moved)),
                    parts));
      }
    };
  }

  private static Rotation turned(Rotation rotation, Map<MemorySegment, MemorySegment> moved) {
    return switch (rotation) {
      case Rotation.Identity identity -> identity;
      case Rotation.SignedHadamard(int block, MemorySegment signs) ->
          new Rotation.SignedHadamard(block, moved.getOrDefault(signs, signs));
    };
  }

  /** Whether places that fit one of two banks fit the other. */
  public boolean fits(MovableBank other) {
    return linear.codec().equals(other.linear.codec())
        && linear.layout() == other.linear.layout()
        && linear.shape().equals(other.linear.shape())
        && sizes().equals(other.sizes());
  }

  private List<Long> sizes() {
    List<Long> sizes = new ArrayList<>();
    pieces.forEach(piece -> sizes.add(piece.bytes()));
    return sizes;
  }
}
