package org.espalier.runtime.evaluation;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.espalier.api.Offer;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.Providers;
import org.espalier.runtime.loading.MemoryArtifact;
import org.espalier.runtime.loading.MemoryFormat;

/**
 * A model whose logits are a known function of everything that it has read, so that tests can work
 * out what any measurement must give, one position at a time.
 *
 * @param seed of the function
 * @param padding rows of the vocabulary beyond the tokens
 * @param namedPadding whether the tokenizer names them
 * @param beginning whether texts begin with a token of their own
 * @param contextLength positions
 * @param noise by which logits differ from those of the same seed without any
 */
public record HistoryModel(
    long seed,
    int padding,
    boolean namedPadding,
    boolean beginning,
    int contextLength,
    double noise) {
  public static final int LAYERS = 3;
  public static final int EXPERTS = 8;
  public static final int USED = 2;

  /** Tokens without padding: printable ASCII, space, line feed, end, some merged, two spaces. */
  private static final List<String> TOKENS = tokens();

  private static final List<String> MERGES = List.of("Ġ t", "Ġt h", "Ġth e", "a n", "an d");

  public static final HistoryModel PLAIN = new HistoryModel(1, 0, false, false, 64, 0);

  private static List<String> tokens() {
    List<String> tokens = new ArrayList<>();
    for (char c = '!'; c <= '~'; c++) {
      tokens.add(String.valueOf(c));
    }
    tokens.addAll(List.of("Ġ", "Ċ", "<|endoftext|>", "Ġt", "Ġth", "Ġthe", "an", "and", "  "));
    tokens.addAll(List.of("ð", "Ł", "¦", "Ĭ")); // the bytes of a fox

    return List.copyOf(tokens);
  }

  public static int tokenCount() {
    return TOKENS.size();
  }

  public static int endOfText() {
    return TOKENS.indexOf("<|endoftext|>");
  }

  public int vocabulary() {
    return TOKENS.size() + padding;
  }

  /** The logits after a text. */
  public float[] logits(List<Integer> history) {
    float[] logits = new float[vocabulary()];
    long state = Numbers.mix(seed + 31L * history.hashCode());
    for (int token = 0; token < logits.length; token++) {
      logits[token] = (float) (6 * Numbers.unit(state, token) - 3);
      logits[token] += (float) (noise * (Numbers.unit(state + 1, token) - 0.5));
    }
    return logits;
  }

  /** log p(token | history), the slow way. */
  public double logProbability(List<Integer> history, int token) {
    float[] logits = logits(history);
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return logits[token] - Math.log(sum);
  }

  /** The experts that a token is routed to, by descending weight. */
  public int[] experts(int layer, int token) {
    int first = (int) (Numbers.unit(seed + layer, token) * EXPERTS);
    return new int[] {first, (first + 1 + token % (EXPERTS - 1)) % EXPERTS};
  }

  public Model open(int batch) {
    return open(batch, Observer.NONE);
  }

  public Model open(int batch, Observer observer) {
    return open(new HistoryBackend(this), batch, observer);
  }

  public Model open(HistoryBackend backend, int batch, Observer observer) {
    List<String> names = new ArrayList<>(TOKENS);
    List<Long> types = new ArrayList<>();
    for (String name : TOKENS) {
      types.add(name.equals("<|endoftext|>") ? 3L : name.equals("  ") ? 4L : 1L);
    }
    for (int i = 0; i < padding && namedPadding; i++) {
      names.add("[PAD%d]".formatted(i));
      types.add(5L);
    }
    MemoryArtifact artifact =
        new MemoryArtifact()
            .text("tokenizer.ggml.model", "gpt2")
            .text("tokenizer.ggml.pre", "olmo")
            .texts("tokenizer.ggml.tokens", names)
            .texts("tokenizer.ggml.merges", MERGES);
    Map<String, MetadataValue> more =
        Map.of(
            "tokenizer.ggml.token_type",
            new MetadataValue.Wholes(MetadataValue.WholeType.INT32, types),
            "tokenizer.ggml.add_bos_token",
            new MetadataValue.Flag(beginning),
            "tokenizer.ggml.bos_token_id",
            new MetadataValue.Whole(MetadataValue.WholeType.UINT32, endOfText()),
            "tokenizer.ggml.padding_token_id",
            new MetadataValue.Whole(MetadataValue.WholeType.UINT32, endOfText()),
            "tokenizer.ggml.eos_token_id",
            new MetadataValue.Whole(MetadataValue.WholeType.UINT32, endOfText()));
    Providers providers =
        new Providers(
            List.of(new MemoryFormat("memory", file -> Offer.accepted(artifact))),
            List.of(),
            List.of(new HistoryArchitecture(this)),
            List.of(backend));
    ModelOptions options =
        ModelOptions.of(1)
            .withPrecision(Precision.EXACT)
            .withBatch(batch)
            .withOverrides(more)
            .observedBy(observer);
    return Model.open(Path.of("."), providers, options, notice -> {});
  }

  /** Stages of which only the shapes matter. */
  private record HistoryArchitecture(HistoryModel model) implements Architecture {
    private static final int WIDTH = 4;

    @Override
    public String id() {
      return "history";
    }

    @Override
    public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
      Norm norm = new Norm(MemorySegment.ofArray(new byte[WIDTH * Float.BYTES]), 1e-5f);
      List<Stage> stages = new ArrayList<>();
      stages.add(new Stage.Embedding(linear(-1, Role.EMBEDDING, 1, model.vocabulary())));
      for (int layer = 0; layer < LAYERS; layer++) {
        stages.add(
            new Stage.MixtureOfExperts(
                layer,
                norm,
                linear(layer, Role.ROUTER, 1, EXPERTS),
                linear(layer, Role.EXPERT_GATE, EXPERTS, WIDTH),
                linear(layer, Role.EXPERT_UP, EXPERTS, WIDTH),
                linear(layer, Role.EXPERT_DOWN, EXPERTS, WIDTH),
                USED,
                false,
                1));
      }
      stages.add(new Stage.Head(norm, linear(-1, Role.HEAD, 1, model.vocabulary())));
      return Offer.accepted(
          new ModelPlan(id(), WIDTH, model.vocabulary(), model.contextLength(), stages));
    }

    private static EncodedLinear linear(int layer, Role role, int experts, int outputs) {
      LinearShape shape = new LinearShape(experts, outputs, WIDTH);
      return new EncodedLinear(
          new OperatorId(layer, role),
          CodecId.PLAIN,
          1,
          shape,
          new LinearForm.Dense(
              ElementType.F32,
              Collections.nCopies(
                  experts, MemorySegment.ofArray(new byte[outputs * WIDTH * Float.BYTES]))),
          Map.of());
    }
  }

  /** A text of so many tokens, always the same. */
  public static int[] text(int count) {
    return IntStream.range(0, count).map(i -> (int) (Numbers.unit(99, i) * tokenCount())).toArray();
  }

  /** Numbers that look random and are not. */
  static final class Numbers {
    private Numbers() {}

    static long mix(long value) {
      long z = value + 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      return z ^ (z >>> 31);
    }

    /** From 0 to below 1. */
    static double unit(long state, int index) {
      return (mix(state ^ mix(index)) >>> 11) * 0x1p-53;
    }
  }
}
