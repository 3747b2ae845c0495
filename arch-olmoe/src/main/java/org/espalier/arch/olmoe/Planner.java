package org.espalier.arch.olmoe;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.Tensor;
import org.espalier.arch.olmoe.TensorNames.LayerNorm;

/** Puts the stages of one model together. */
final class Planner {
  /** The layer of operators that belong to none. */
  private static final int NO_LAYER = -1;

  private final OlmoeConfig config;
  private final TensorNames names;
  private final Map<String, Tensor> tensors;
  private final Binder binder;

  Planner(OlmoeConfig config, TensorNames names, Map<String, Tensor> tensors, Binder binder) {
    this.config = config;
    this.names = names;
    this.tensors = tensors;
    this.binder = binder;
  }

  ModelPlan plan() {
    names.check(tensors.keySet(), config);
    requireEnoughTensors();
    int vocabulary = vocabulary();
    LinearShape table = new LinearShape(1, vocabulary, config.width());
    List<Stage> stages = new ArrayList<>();
    stages.add(
        new Stage.Embedding(
            binder.bind(new OperatorId(NO_LAYER, Role.EMBEDDING), names.embedding(), table)));
    for (int layer = 0; layer < config.layers(); layer++) {
      stages.add(attention(layer));
      stages.add(mixture(layer));
    }
    stages.add(head(table));
    return new ModelPlan(
        OlmoeArchitecture.ID, config.width(), vocabulary, config.contextLength(), stages);
  }

  /** So that a made-up number of layers ends here and not in an endless search. */
  private void requireEnoughTensors() {
    if (config.layers() > tensors.size()) {
      throw new MalformedModel(
          "the file's metadata say that there are %d layers, but it has only %d tensors"
              .formatted(config.layers(), tensors.size()));
    }
  }

  /** Rows of the embedding: files may have fewer than the published model, or some for padding. */
  private int vocabulary() {
    Tensor table = tensor(names.embedding());
    List<Long> shape = table.shape();
    if (shape.size() != 2
        || shape.get(1) != config.width()
        || shape.getFirst() > Integer.MAX_VALUE) {
      throw new MalformedModel(
          "tensor '%s' has shape %s, expected one row of %d values for each token"
              .formatted(table.name(), shape, config.width()));
    }
    return Math.toIntExact(shape.getFirst());
  }

  private Stage attention(int layer) {
    int queries = config.queryWidth();
    int keys = config.keyValueWidth();
    int width = config.width();
    return new Stage.Attention(
        layer,
        norm(names.norm(layer, LayerNorm.ATTENTION), width),
        linear(layer, Role.QUERY, queries, width),
        linear(layer, Role.KEY, keys, width),
        linear(layer, Role.VALUE, keys, width),
        linear(layer, Role.ATTENTION_OUTPUT, width, queries),
        Optional.of(norm(names.norm(layer, LayerNorm.QUERY), queries)),
        Optional.of(norm(names.norm(layer, LayerNorm.KEY), keys)),
        config.clip(),
        new Rope(config.ropeDimensions(), config.ropeBase()),
        config.heads(),
        config.keyValueHeads(),
        config.headDimension(),
        config.attentionScale());
  }

  private Stage mixture(int layer) {
    int experts = config.experts();
    int hidden = config.expertWidth();
    int width = config.width();
    return new Stage.MixtureOfExperts(
        layer,
        norm(names.norm(layer, LayerNorm.EXPERTS), width),
        linear(layer, Role.ROUTER, experts, width),
        bank(layer, Role.EXPERT_GATE, new LinearShape(experts, hidden, width)),
        bank(layer, Role.EXPERT_UP, new LinearShape(experts, hidden, width)),
        bank(layer, Role.EXPERT_DOWN, new LinearShape(experts, width, hidden)),
        config.expertsUsed(),
        config.expertWeightsNormalised(),
        config.expertWeightsScale());
  }

  private Stage head(LinearShape table) {
    return new Stage.Head(
        norm(names.outputNorm(), config.width()),
        binder.bind(new OperatorId(NO_LAYER, Role.HEAD), names.output(), table));
  }

  private EncodedLinear linear(int layer, Role role, int outputs, int inputs) {
    return binder.bind(
        new OperatorId(layer, role),
        names.linear(layer, role),
        new LinearShape(1, outputs, inputs));
  }

  private EncodedLinear bank(int layer, Role role, LinearShape shape) {
    OperatorId id = new OperatorId(layer, role);
    List<String> stems = names.experts(layer, role, shape.experts());
    return stems.size() == 1
        ? binder.bind(id, stems.getFirst(), shape)
        : ExpertBank.bind(binder, id, stems, shape);
  }

  private Norm norm(String stem, int width) {
    return NormWeights.norm(tensor(stem), width, config.epsilon());
  }

  private Tensor tensor(String stem) {
    String name = stem + TensorNames.WEIGHT;
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new MalformedModel("the file lacks the tensor '%s'".formatted(name));
    }
    return tensor;
  }
}
