package org.espalier.launcher.option;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.BackendId;
import org.espalier.api.codec.Codec;
import org.espalier.runtime.quantisation.RotatedHessian;
import org.espalier.runtime.quantisation.calibration.HessianPolicy;
import org.espalier.runtime.quantisation.pipeline.AttentionTypes;
import org.espalier.runtime.quantisation.pipeline.EmbeddingType;
import org.espalier.runtime.quantisation.pipeline.QuantizationOptions;
import org.espalier.runtime.quantisation.pipeline.Recipe;
import org.espalier.runtime.quantisation.pipeline.Shard;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How to quantise. */
public final class QuantizationFlags {
  private static final int REFINEMENTS = 0;
  private static final int TUNING = 1;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "What the model reads: a text, in which the end-of-text token's text separates documents;"
              + " lines of JSON (.jsonl, .json) or Parquet, a document each; or token ids (.npy).")
  private Optional<Path> calibration = Optional.empty();

  @Option(
      names = "--field",
      paramLabel = "NAME",
      description = "Field of each row that holds the text. Default: ${DEFAULT-VALUE}.")
  private String field = "text";

  @Option(
      names = "--sequences",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description =
          "How many sequences it reads; the published model took 2048. Default: ${DEFAULT-VALUE}.")
  private int sequences = 256;

  @Option(
      names = "--length",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Tokens of each. Default: ${DEFAULT-VALUE}.")
  private int length = 1024;

  @Option(
      names = "--hessian",
      paramLabel = "WHICH",
      converter = PolicyConverter.class,
      description = {
        "What an expert is fitted to: per-expert, the tokens that reach it; layer-mean or"
            + " token-weighted, what the layer's experts see on average. Default: per-expert."
      })
  private HessianPolicy hessian = HessianPolicy.PER_EXPERT;

  @Option(
      names = "--hessians",
      paramLabel = "FOLDER",
      description =
          "Keeps what the matrices multiply in a folder, for later runs to use instead of reading"
              + " again; then they need no --calibration.")
  private Optional<Path> hessians = Optional.empty();

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description = "Of the random signs. Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  @Option(
      names = "--damping",
      paramLabel = "X",
      description =
          "Share of the mean diagonal that is added to a Hessian. Default: ${DEFAULT-VALUE}.")
  private double damping = RotatedHessian.DEFAULT_DAMPING;

  @Option(
      names = "--recipe",
      paramLabel = "WHICH",
      description =
          "best: with the levers that proved worth it, --objective predictions and --tune 1;"
              + " published: with none. The flags that follow change either. Default: best.")
  private String recipe = "best";

  @Option(
      names = "--refine",
      paramLabel = "N",
      description =
          "Passes that choose every code again, knowing all others; each takes as long as the first."
              + " Default: 0.")
  private Optional<Integer> refinements = Optional.empty();

  @Option(
      names = "--objective",
      paramLabel = "WHICH",
      description =
          "What an error of a matrix costs: predictions, what it changes in the model's predictions, to"
              + " second order, for which the model is held decoded in memory; outputs, what it changes"
              + " in the matrix's own outputs. Default: predictions; published, and where --hessian,"
              + " --weighting, --inputs or --shrink say how outputs count: outputs.")
  private Optional<String> objective = Optional.empty();

  @Option(
      names = "--weighting",
      paramLabel = "WHICH",
      description =
          "How a token counts in an expert's Hessian: gates, by the square of its gate; none, as any"
              + " other. Default: gates where --objective outputs; published: none.")
  private Optional<String> weighting = Optional.empty();

  @Option(
      names = "--inputs",
      paramLabel = "WHICH",
      description =
          "What a layer is fitted to: quantized, what the quantised layers before it give; original,"
              + " what the original ones give. Default: original.")
  private Optional<String> inputs = Optional.empty();

  @Option(
      names = "--shrink",
      paramLabel = "TOKENS",
      description =
          "Mixes so many tokens' worth of the layer's mean into every expert's Hessian. Default: 0.")
  private double shrinkage = 0;

  @Option(
      names = "--enlarge",
      paramLabel = "X",
      description =
          "How many times the weights' root mean square the code is scaled to: searches aim at the"
              + " weights and at what finished errors ask for besides. Default: 1.05, and 1 where --tune"
              + " follows; published: 1.")
  private Optional<Double> enlargement = Optional.empty();

  @Option(
      names = "--tune",
      paramLabel = "N",
      description =
          "Passes over the calibration text that tune norms, signs and routers towards the original's"
              + " predictions; the model is held decoded in memory. Default: 1; published: 0.")
  private Optional<Integer> tuning = Optional.empty();

  @Option(
      names = "--attention",
      paramLabel = "TYPE",
      description =
          "Spends more bits on the matrices of attention, and less is lost: q4_0, iq4_nl, q5_0, q6_k,"
              + " q8_0, bf16, f16 or f32 instead of codes; or some of them, as v=q6_k,o=q5_0 (of q, k,"
              + " v, o). Default: codes.")
  private String attention = "codes";

  @Option(
      names = "--embeddings",
      paramLabel = "TYPE",
      description = "f32, bf16, f16 or q8_0. Default: as in the checkpoint.")
  private Optional<EmbeddingType> embeddings = Optional.empty();

  @Option(
      names = "--compatible",
      description =
          "Writes the keys of the published file and no others, and F32 embeddings, for readers that"
              + " know no better.")
  private boolean compatible;

  @Option(
      names = "--name",
      paramLabel = "TEXT",
      description = "The model's name in the new file. Default: that of the checkpoint.")
  private Optional<String> name = Optional.empty();

  @Option(
      names = "--json-report",
      paramLabel = "FILE",
      description = "Writes a line of JSON about every matrix.")
  private Optional<Path> report = Optional.empty();

  @Option(
      names = "--picture",
      paramLabel = "FILE",
      description = "Draws the losses by layer and projection (SVG).")
  private Optional<Path> picture = Optional.empty();

  @Option(
      names = "--codec",
      paramLabel = "NAME",
      description = "Encoding of the weights. Default: ${DEFAULT-VALUE}.")
  private String codec = "qtip";

  @Option(
      names = "--search",
      paramLabel = "NAME",
      description = "How codes are found. Default: the fastest on this machine.")
  private Optional<String> search = Optional.empty();

  @Option(
      names = "--format",
      paramLabel = "NAME",
      description = "Kind of the new file. Default: ${DEFAULT-VALUE}.")
  private String format = "gguf";

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendConverter.class,
      description = "What runs the layers. Default: the best that accepts them.")
  private Optional<BackendId> backend = Optional.empty();

  @Option(
      names = "--shard",
      paramLabel = "I/N",
      converter = ShardConverter.class,
      description =
          "Quantises the I-th of N shares of the matrices, from 1/N to N/N, on this machine; they stay"
              + " in a folder beside FILE, FILE.shard-I-of-N, until merge joins all. Implies --inputs"
              + " original --tune 0.")
  private Optional<Shard> shard = Optional.empty();

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads. Default: as many as there are physical cores, which -1 means too.")
  private int threads = -1;

  /**
   * The options; what is wrong among them is refused.
   *
   * @param codecs that there are
   */
  public QuantizationOptions options(boolean resume, boolean restart, List<Codec> codecs) {
    if (threads == 0) {
      throw new InvalidRequest("-t 0: at least one thread is needed");
    }
    if (!(damping >= 0) || Double.isInfinite(damping)) {
      throw new InvalidRequest("--damping must be a number from 0: " + damping);
    }
    boolean best = isFirst("--recipe", recipe, "best", "published");
    requireNatural("--refine", refinements);
    requireNatural("--tune", tuning);
    if (!(shrinkage >= 0) || Double.isInfinite(shrinkage)) {
      throw new InvalidRequest("--shrink must be a number from 0: " + shrinkage);
    }
    double enlarged = enlargement.orElse(1.0);
    if (!(enlarged > 0 && enlarged < 100)) {
      throw new InvalidRequest("--enlarge must be a number above 0 and below 100: " + enlarged);
    }
    if (compatible && embeddings.isPresent() && embeddings.get() != EmbeddingType.F32) {
      throw new InvalidRequest("--compatible means f32 embeddings: leave --embeddings out");
    }
    if (calibration.isEmpty() && hessians.isEmpty()) {
      throw new InvalidRequest("--calibration is missing: name a text to calibrate on");
    }
    Optional<Boolean> gates =
        weighting
            .map(w -> isFirst("--weighting", w, "gates", "none"))
            .or(() -> best ? Optional.empty() : Optional.of(false));
    boolean quantized =
        inputs.map(i -> isFirst("--inputs", i, "quantized", "original")).orElse(false);
    boolean ofOutputs =
        hessian != HessianPolicy.PER_EXPERT || gates.orElse(false) || quantized || shrinkage > 0;
    boolean predictions =
        objective
            .map(o -> isFirst("--objective", o, "predictions", "outputs"))
            .orElse(best && !ofOutputs);
    if (predictions && ofOutputs) {
      throw new InvalidRequest(
          "--objective predictions goes with --hessian per-expert, --weighting none, --inputs original and --shrink 0");
    }
    return new QuantizationOptions(
        seed,
        hessian,
        damping,
        refinements.orElse(REFINEMENTS),
        new Recipe(
            predictions,
            gates,
            quantized,
            shrinkage,
            enlargement.isEmpty() && !best ? Optional.of(1.0) : enlargement,
            tuning.orElse(best && shard.isEmpty() ? TUNING : 0),
            AttentionTypes.of(attention, codecs)),
        compatible,
        embeddings,
        name,
        resume,
        restart,
        hessians,
        threads < 0 ? PhysicalCores.count() : threads,
        shard);
  }

  private static boolean isFirst(String flag, String value, String first, String second) {
    if (!value.equals(first) && !value.equals(second)) {
      throw new InvalidRequest("%s is %s or %s, not %s".formatted(flag, first, second, value));
    }
    return value.equals(first);
  }

  private static void requireNatural(String flag, Optional<Integer> value) {
    if (value.isPresent() && value.get() < 0) {
      throw new InvalidRequest(flag + " must be 0 or more: " + value.get());
    }
  }

  /** What to calibrate on. */
  public Optional<Path> calibration() {
    return calibration;
  }

  /** Field of rows. */
  public String field() {
    return field;
  }

  /** Sequences at most. */
  public int sequences() {
    return sequences;
  }

  /** Tokens of each. */
  public int length() {
    return length;
  }

  /** A file for the report. */
  public Optional<Path> report() {
    return report;
  }

  /** A file for the picture. */
  public Optional<Path> picture() {
    return picture;
  }

  /** Name of the codec. */
  public String codec() {
    return codec;
  }

  /** Name of the search. */
  public Optional<String> search() {
    return search;
  }

  /** Name of the format. */
  public String format() {
    return format;
  }

  /** Name of the backend. */
  public Optional<BackendId> backend() {
    return backend;
  }

  /** Reads a policy. */
  static final class PolicyConverter implements ITypeConverter<HessianPolicy> {
    @Override
    public HessianPolicy convert(String value) {
      return switch (value) {
        case "per-expert" -> HessianPolicy.PER_EXPERT;
        case "layer-mean" -> HessianPolicy.LAYER_MEAN;
        case "token-weighted" -> HessianPolicy.TOKEN_WEIGHTED;
        default ->
            throw new TypeConversionException(
                "'%s' is none of per-expert, layer-mean and token-weighted".formatted(value));
      };
    }
  }
}
