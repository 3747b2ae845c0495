package org.espalier.server.openai;

import java.util.Optional;
import org.espalier.api.Offer;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.http.Exchange;
import org.espalier.server.http.HttpFailure;
import org.espalier.server.http.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What can be asked about the model without generating anything. */
public final class Information {
  private Information() {}

  /** {@code /v1/models}. */
  public static void models(Exchange exchange, Service service) {
    ObjectNode list = Json.object().put("object", "list");
    list.putArray("data").add(model(service));
    exchange.send(list);
  }

  /** {@code /v1/models/{model}}. */
  public static void model(Exchange exchange, Service service) {
    String asked = exchange.pathParameter("model");
    if (!asked.equals(service.name())) {
      throw HttpFailure.of(
          404, "there is no model '%s'; this server has '%s'".formatted(asked, service.name()));
    }
    exchange.send(model(service));
  }

  private static ObjectNode model(Service service) {
    ObjectNode model =
        Json.object()
            .put("id", service.name())
            .put("object", "model")
            .put("created", service.loaded().getEpochSecond())
            .put("owned_by", "espalier");
    model
        .putObject("meta")
        .put("n_vocab", service.tokenizer().size())
        .put("n_ctx_train", service.model().executable().plan().contextLength());
    return model;
  }

  /** {@code /props}. */
  public static void properties(Exchange exchange, Service service) {
    ObjectNode properties = Json.object();
    ObjectNode settings = properties.putObject("default_generation_settings");
    settings.put("n_ctx", service.model().contextLength());
    GenerationFields.defaults(settings.putObject("params"));
    properties.put("total_slots", service.parallel());
    properties.put("model_alias", service.name());
    properties.put("model_path", service.file());
    properties.put(
        "chat_template",
        switch (service.chat()) {
          case Offer.Accepted<ChatForm>(ChatForm found) -> found.name();
          case Offer.Declined<ChatForm> _ -> "";
        });
    properties.put("tokenizer", service.tokenizer().fingerprint());
    exchange.send(properties);
  }

  /** {@code /tokenize}. */
  public static void tokenize(Exchange exchange, Service service) {
    Fields fields = new Fields(exchange.readJson());
    String content =
        fields
            .text("content")
            .orElseThrow(() -> HttpFailure.badRequest("there is no 'content' to tokenize"));
    boolean special = fields.node("parse_special").isEmpty() || fields.flag("parse_special");
    Tokenizer tokenizer = service.tokenizer();
    int[] tokens =
        fields.flag("add_special")
            ? CompletionRequest.tokens(content, tokenizer)
            : tokenizer.encode(content, special);
    boolean pieces = fields.flag("with_pieces");
    ObjectNode answer = Json.object();
    ArrayNode list = answer.putArray("tokens");
    for (int token : tokens) {
      if (pieces) {
        list.addObject().put("id", token).put("piece", TokenNames.of(tokenizer, token));
      } else {
        list.add(token);
      }
    }
    exchange.send(answer);
  }

  /** {@code /detokenize}. */
  public static void detokenize(Exchange exchange, Service service) {
    Fields fields = new Fields(exchange.readJson());
    Optional<JsonNode> tokens = fields.node("tokens").filter(JsonNode::isArray);
    int[] ids =
        Fields.tokens(
            "tokens",
            tokens.orElseThrow(
                () -> HttpFailure.badRequest("'tokens' must be an array of token ids")));
    exchange.send(Json.object().put("content", service.tokenizer().decode(ids)));
  }
}
