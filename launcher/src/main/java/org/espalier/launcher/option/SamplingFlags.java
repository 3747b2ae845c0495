package org.espalier.launcher.option;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.runtime.sampling.SamplingOptions;
import picocli.CommandLine.Option;

/** How tokens are drawn: names and defaults of llama.cpp. */
public final class SamplingFlags {
  private static final SamplingOptions DEFAULT = SamplingOptions.DEFAULT;

  @Option(
      names = {"--temp", "--temperature"},
      paramLabel = "T",
      description = "Temperature; 0 always takes the likeliest token. Default: ${DEFAULT-VALUE}.")
  private float temperature = DEFAULT.temperature();

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Only the N likeliest tokens; 0: all. Default: ${DEFAULT-VALUE}.")
  private int topK = DEFAULT.topK();

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Only the likeliest tokens whose probabilities reach P together; 1: off. Default:"
              + " ${DEFAULT-VALUE}.")
  private float topP = DEFAULT.topP();

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Only tokens at least P times as likely as the likeliest; 0: off. Default:"
              + " ${DEFAULT-VALUE}.")
  private float minP = DEFAULT.minP();

  @Option(
      names = {"--typical", "--typical-p"},
      paramLabel = "P",
      description = "Locally typical sampling; 1: off. Default: ${DEFAULT-VALUE}.")
  private float typicalP = DEFAULT.typicalP();

  @Option(
      names = "--repeat-penalty",
      paramLabel = "X",
      description = "Divides the logits of recent tokens; 1: off. Default: ${DEFAULT-VALUE}.")
  private float repeatPenalty = DEFAULT.repeatPenalty();

  @Option(
      names = "--repeat-last-n",
      paramLabel = "N",
      description =
          "How many tokens are recent, prompt included; 0: off, -1: the whole context. Default:"
              + " ${DEFAULT-VALUE}.")
  private int repeatLastN = DEFAULT.repeatLastN();

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      description = "Taken from the logits of recent tokens; 0: off. Default: ${DEFAULT-VALUE}.")
  private float presencePenalty = DEFAULT.presencePenalty();

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      description = "The same, times how often they occurred; 0: off. Default: ${DEFAULT-VALUE}.")
  private float frequencyPenalty = DEFAULT.frequencyPenalty();

  @Option(
      names = {"-l", "--logit-bias"},
      paramLabel = "TOKEN±BIAS",
      converter = TokenBias.Converter.class,
      description =
          "Added to a token's logit, such as 42+1.5 or 42-inf. May be given several times.")
  private List<TokenBias> biases = new ArrayList<>();

  /** As the sampler takes it. */
  public SamplingOptions options() {
    Map<Integer, Float> logitBias = new LinkedHashMap<>();
    biases.forEach(bias -> logitBias.merge(bias.token(), bias.bias(), Float::sum));
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        presencePenalty,
        frequencyPenalty,
        repeatLastN,
        logitBias);
  }
}
