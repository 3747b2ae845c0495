package org.espalier.backend.offload;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.FileMap;
import org.espalier.backend.offload.bank.MovableBank;
import org.espalier.backend.offload.bank.SignBits;
import org.espalier.backend.offload.disk.ReadBuffer;
import org.espalier.backend.offload.disk.Readers;
import org.espalier.backend.offload.disk.SourceFile;
import org.espalier.backend.offload.residency.ExpertResidency;
import org.espalier.backend.offload.residency.Foresight;
import org.espalier.backend.offload.residency.LayerSource;
import org.espalier.backend.offload.residency.Places;
import org.jspecify.annotations.Nullable;

/**
 * The host's part of a model in memory of our own: what is always needed is read once, experts have
 * a limited number of places. The mapped file is left alone, apart from the rows of the token table
 * and from what the host's backend copies by itself.
 *
 * <p>Used once: {@link #survey}, then {@link #load}.
 */
final class HostModel implements Closeable {
  private final ModelPlan plan;
  private final FileMap files;
  private final Map<Integer, Mixture> mixtures = new TreeMap<>();
  private final Map<EncodedLinear, MovableBank> resident = new IdentityHashMap<>();
  private final Map<Path, SourceFile> sources = new HashMap<>();
  private final Deque<AutoCloseable> closing = new ArrayDeque<>();
  private @Nullable ExpertResidency residency;

  /** A layer's experts: gate, up and down, and the pieces of all three. */
  private record Mixture(
      Stage.MixtureOfExperts stage, List<MovableBank> banks, List<MovableBank.Piece> pieces) {
    long bytes() {
      return banks.stream().mapToLong(MovableBank::bytes).sum();
    }

    /** Whether a piece is so small that all experts' can stay in memory. */
    boolean keeps(MovableBank.Piece piece) {
      return piece.bytes() * 16 < bytes();
    }

    boolean fits(Mixture other) {
      for (int i = 0; i < banks.size(); i++) {
        if (!banks.get(i).fits(other.banks.get(i))) {
          return false;
        }
      }
      return stage.used() == other.stage.used();
    }
  }

  private HostModel(ModelPlan plan, FileMap files) {
    this.plan = plan;
    this.files = files;
  }

  /**
   * Looks at what there is to be moved, and moves nothing.
   *
   * @param lent which stages' experts are to be lent
   * @param kept linears that are to be copied
   */
  static Offer<HostModel> survey(
      ModelPlan plan, FileMap files, List<Stage.MixtureOfExperts> lent, List<EncodedLinear> kept) {
    HostModel model = new HostModel(plan, files);
    try {
      for (Stage.MixtureOfExperts stage : lent) {
        model.mixtures.put(stage.layer(), mixture(stage));
      }
      for (EncodedLinear linear : kept) {
        // Who cannot be moved stays where it is: in the mapped file, which is counted as memory.
        if (MovableBank.of(linear) instanceof Offer.Accepted<MovableBank>(MovableBank bank)) {
          model.resident.put(linear, bank);
        }
      }
      return Offer.accepted(model);
    } catch (Unsupported e) {
      return Offer.declined(String.valueOf(e.getMessage()));
    }
  }

  private static Mixture mixture(Stage.MixtureOfExperts stage) {
    List<MovableBank> banks =
        List.of(stage.gate(), stage.up(), stage.down()).stream()
            .map(linear -> MovableBank.of(linear).orElseThrow(Unsupported::new))
            .toList();
    return new Mixture(
        stage, banks, banks.stream().flatMap(bank -> bank.pieces().stream()).toList());
  }

  /** Bytes of a place: those of the largest expert. */
  long placeBytes() {
    return mixtures.values().stream().mapToLong(Mixture::bytes).max().orElse(0);
  }

  /** Most experts that one token needs in a layer, for each kind of places. */
  int used() {
    return kinds() * mixtures.values().stream().mapToInt(m -> m.stage.used()).max().orElse(0);
  }

  /** All experts that are lent. */
  int experts() {
    return mixtures.values().stream().mapToInt(m -> m.stage.experts()).sum();
  }

  /** Kinds of experts; each kind has places of its own. */
  int kinds() {
    List<Mixture> kinds = new ArrayList<>();
    for (Mixture mixture : mixtures.values()) {
      if (kinds.stream().noneMatch(mixture::fits)) {
        kinds.add(mixture);
      }
    }
    return Math.max(1, kinds.size());
  }

  /** Bytes of what stays in memory, apart from places. */
  long residentBytes() {
    long linears = resident.values().stream().mapToLong(MovableBank::bytes).sum();
    // A bit each where they are signs, which is not known before they are read.
    long small =
        mixtures.values().stream()
            .mapToLong(m ->
                m.pieces.stream()
                    .filter(m::keeps)
                    .mapToLong(piece -> piece.bytes() * m.stage.experts())
                    .sum())
            .sum();
    return linears + small / Float.SIZE;
  }

  /**
   * Reads what stays and prepares places.
   *
   * @param places for experts, in all
   * @param readerCount threads that read
   */
  ModelPlan load(int places, int readerCount) {
    Arena arena = Arena.ofShared();
    closing.push(arena);
    Map<EncodedLinear, EncodedLinear> moved = new IdentityHashMap<>();
    try (ReadBuffer buffer = new ReadBuffer()) {
      for (MovableBank bank : resident.values()) {
        moved.put(bank.linear(), copy(bank, arena, buffer));
      }
    }
    List<Mixture> kinds = new ArrayList<>();
    List<Places> pools = new ArrayList<>();
    Map<Integer, ExpertResidency.Lent> lent = new TreeMap<>();
    int kindCount = kinds();
    for (Mixture mixture : mixtures.values()) {
      int kind = kinds.indexOf(kinds.stream().filter(mixture::fits).findFirst().orElse(null));
      if (kind < 0) {
        kind = kinds.size();
        kinds.add(mixture);
        List<Places.Piece> pieces = mixture.pieces.stream().map(this::place).toList();
        pools.add(Places.allocate(places / kindCount, pieces, arena));
      }
      Places pool = pools.get(kind);
      int first = 0;
      for (MovableBank bank : mixture.banks) {
        List<MemorySegment> memory = pool.memory().subList(first, first + bank.pieces().size());
        first += bank.pieces().size();
        moved.put(bank.linear(), bank.over(pool.count(), memory).orElseThrow(Unsupported::new));
      }
      EncodedLinear router = mixture.stage.router();
      lent.put(
          mixture.stage.layer(),
          new ExpertResidency.Lent(
              source(mixture),
              pool,
              Foresight.of(withRouter(mixture.stage, moved.getOrDefault(router, router)))));
    }
    int experts = mixtures.values().stream().mapToInt(m -> m.stage.experts()).max().orElse(1);
    residency = new ExpertResidency(experts, lent, new Readers(readerCount));
    closing.push(residency);
    return replace(plan, moved);
  }

  private Places.Piece place(MovableBank.Piece piece) {
    long offset = files.find(piece.byExpert().getFirst()).map(FileMap.Extent::offset).orElse(0L);
    return new Places.Piece(piece.bytes(), offset);
  }

  private EncodedLinear copy(MovableBank bank, Arena arena, ReadBuffer buffer) {
    List<MemorySegment> copies = new ArrayList<>();
    int experts = bank.linear().shape().experts();
    for (MovableBank.Piece piece : bank.pieces()) {
      MemorySegment copy = arena.allocate(piece.bytes() * experts, 4096);
      for (int e = 0; e < experts; e++) {
        MemorySegment original = piece.byExpert().get(e);
        MemorySegment target = copy.asSlice(e * piece.bytes(), piece.bytes());
        Optional<FileMap.Extent> extent = files.find(original);
        if (extent.isPresent()) {
          source(extent.get().file()).read(extent.get().offset(), target, buffer);
          release(original);
        } else {
          MemorySegment.copy(original, 0, target, 0, piece.bytes());
        }
      }
      copies.add(copy);
    }
    return bank.over(experts, copies).orElseThrow(Unsupported::new);
  }

  private SourceFile source(Path file) {
    return sources.computeIfAbsent(
        file,
        path -> {
          SourceFile source = SourceFile.open(path);
          closing.push(source);
          return source;
        });
  }

  private LayerSource source(Mixture mixture) {
    List<LayerSource.Piece> pieces = new ArrayList<>();
    for (MovableBank.Piece piece : mixture.pieces) {
      if (mixture.keeps(piece)) {
        pieces.add(new LayerSource.Piece.Kept(SignBits.of(piece)));
        piece.byExpert().forEach(HostModel::release);
      } else {
        pieces.add(onDisk(mixture, piece));
      }
    }
    return new LayerSource(pieces);
  }

  private LayerSource.Piece onDisk(Mixture mixture, MovableBank.Piece piece) {
    long[] offsets = new long[piece.byExpert().size()];
    Path file = null;
    for (int e = 0; e < offsets.length; e++) {
      FileMap.Extent extent =
          files
              .find(piece.byExpert().get(e))
              .orElseThrow(() ->
                  new Unsupported(
                      "the model's format does not say where in the file the experts of layer %d lie"
                          .formatted(mixture.stage.layer())));
      if (file != null && !file.equals(extent.file())) {
        throw new Unsupported(
            "the experts of layer %d lie in more than one file: convert the model to GGUF"
                .formatted(mixture.stage.layer()));
      }
      file = extent.file();
      offsets[e] = extent.offset();
      release(piece.byExpert().get(e));
    }
    if (file == null) {
      throw new Unsupported("layer %d has no experts".formatted(mixture.stage.layer()));
    }
    return new LayerSource.Piece.OnDisk(source(file), offsets, piece.bytes());
  }

  /** Lets go of pages of the mapped file that are read no more. */
  private static void release(MemorySegment segment) {
    if (segment.isMapped()) {
      segment.unload();
    }
  }

  private static Stage.MixtureOfExperts withRouter(
      Stage.MixtureOfExperts stage, EncodedLinear router) {
    return new Stage.MixtureOfExperts(
        stage.layer(),
        stage.norm(),
        router,
        stage.gate(),
        stage.up(),
        stage.down(),
        stage.used(),
        stage.normalised(),
        stage.weightScale());
  }

  private static ModelPlan replace(ModelPlan plan, Map<EncodedLinear, EncodedLinear> moved) {
    return new ModelPlan(
        plan.architecture(),
        plan.width(),
        plan.vocabulary(),
        plan.contextLength(),
        plan.stages().stream().map(stage -> replace(stage, moved)).toList());
  }

  private static Stage replace(Stage stage, Map<EncodedLinear, EncodedLinear> moved) {
    return switch (stage) {
      case Stage.Embedding embedding -> embedding;
      case Stage.Attention a ->
          new Stage.Attention(
              a.layer(),
              a.norm(),
              moved.getOrDefault(a.query(), a.query()),
              moved.getOrDefault(a.key(), a.key()),
              moved.getOrDefault(a.value(), a.value()),
              moved.getOrDefault(a.output(), a.output()),
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
              moved.getOrDefault(m.router(), m.router()),
              moved.getOrDefault(m.gate(), m.gate()),
              moved.getOrDefault(m.up(), m.up()),
              moved.getOrDefault(m.down(), m.down()),
              m.used(),
              m.normalised(),
              m.weightScale());
      case Stage.Head head ->
          new Stage.Head(head.norm(), moved.getOrDefault(head.output(), head.output()));
    };
  }

  /** What lends the experts; after {@link #load}. */
  ExpertResidency residency() {
    if (residency == null) {
      throw new IllegalStateException("nothing has been loaded yet");
    }
    return residency;
  }

  /** Files that are read from; after {@link #load}. */
  List<SourceFile> files() {
    return List.copyOf(sources.values());
  }

  @Override
  public void close() {
    while (!closing.isEmpty()) {
      switch (closing.pop()) {
        case Arena arena -> arena.close();
        case SourceFile file -> file.close();
        case ExpertResidency lender -> lender.close();
        default -> throw new IllegalStateException("not mine");
      }
    }
  }
}
