package org.espalier.server.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.stream.Stream;
import org.espalier.api.Offer;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.runtime.chat.ChatMessage;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.server.http.Exchange;
import org.espalier.server.http.HttpFailure;
import org.espalier.server.scheduling.SequenceRequest;
import org.espalier.server.scheduling.Ticket;
import tools.jackson.databind.JsonNode;

/** The two ways of asking for text. */
public final class Completions {
  private static final int MOST_CHOICES = 128;

  private Completions() {}

  /** {@code /v1/completions}: continues texts. */
  public static void complete(Exchange exchange, Service service) throws InterruptedException {
    Fields fields = new Fields(exchange.readJson());
    CompletionRequest request = CompletionRequest.read(fields, service.tokenizer());
    try (Ticket ticket = service.scheduler().submit(request.sequences())) {
      Answer answer =
          new Answer(
              Answer.Header.of(id("cmpl-"), "text_completion", "text_completion", service.name()),
              request.choices(service.tokenizer()),
              request.perPrompt());
      if (request.stream()) {
        answer.sendStream(exchange, ticket, request.includeUsage());
      } else {
        answer.sendWhole(exchange, ticket);
      }
    }
  }

  /** {@code /v1/chat/completions}: answers in a conversation. */
  public static void chat(Exchange exchange, Service service) throws InterruptedException {
    Fields fields = new Fields(exchange.readJson());
    ChatForm form =
        switch (service.chat()) {
          case Offer.Accepted<ChatForm>(ChatForm found) -> found;
          case Offer.Declined<ChatForm>(String reason) ->
              throw HttpFailure.badRequest(
                  reason
                      + " (over HTTP, /v1/completions continues texts, and --chat-template is an"
                      + " option of the server)");
        };
    refuseWhatIsNotDone(fields);
    boolean logprobs = fields.flag("logprobs");
    OptionalInt alternatives =
        fields.integer("top_logprobs", 0, CompletionRequest.MOST_ALTERNATIVES);
    if (alternatives.isPresent() && !logprobs) {
      throw HttpFailure.badRequest("'top_logprobs' needs 'logprobs' to be true");
    }
    int choices = fields.integer("n", 1, MOST_CHOICES).orElse(1);
    boolean stream = fields.flag("stream");
    GenerationOptions generation = GenerationFields.read(fields, length(fields));
    // Without the form's own stop texts a model may go on and speak for its user.
    generation =
        generation.withStop(
            Stream.concat(generation.stop().stream(), form.stops().stream())
                .distinct()
                .toArray(String[]::new));
    int[] prompt = form.encode(service.tokenizer(), messages(fields));
    List<SequenceRequest> sequences = new ArrayList<>();
    List<Choice> texts = new ArrayList<>();
    for (int i = 0; i < choices; i++) {
      sequences.add(
          new SequenceRequest(
              prompt,
              GenerationFields.withSeed(generation, i),
              logprobs ? OptionalInt.of(alternatives.orElse(0)) : OptionalInt.empty(),
              false,
              false));
      texts.add(new ChatChoice(i, service.tokenizer(), logprobs));
    }
    try (Ticket ticket = service.scheduler().submit(sequences)) {
      Answer answer =
          new Answer(
              Answer.Header.of(
                  id("chatcmpl-"), "chat.completion", "chat.completion.chunk", service.name()),
              texts,
              choices);
      if (stream) {
        answer.sendStream(exchange, ticket, CompletionRequest.includeUsage(fields));
      } else {
        answer.sendWhole(exchange, ticket);
      }
    }
  }

  private static String id(String prefix) {
    return prefix + UUID.randomUUID().toString().replace("-", "");
  }

  private static int length(Fields fields) {
    OptionalInt length = fields.integer("max_completion_tokens", -1, Integer.MAX_VALUE);
    return length.isPresent()
        ? length.getAsInt()
        : fields.integer("max_tokens", -1, Integer.MAX_VALUE).orElse(-1);
  }

  private static void refuseWhatIsNotDone(Fields fields) {
    fields.refuse("tools", "this server calls no functions");
    fields.refuse("functions", "this server calls no functions");
    fields
        .object("response_format")
        .flatMap(format -> format.text("type"))
        .filter(type -> !type.equals("text"))
        .ifPresent(type -> {
          throw HttpFailure.badRequest(
              "'response_format' of type '%s' is not supported: answers are plain text"
                  .formatted(type));
        });
  }

  private static List<ChatMessage> messages(Fields fields) {
    JsonNode list =
        fields
            .node("messages")
            .filter(node -> node.isArray() && !node.isEmpty())
            .orElseThrow(() ->
                HttpFailure.badRequest("'messages' must be an array of at least one message"));
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode element : list) {
      if (!element.isObject()) {
        throw HttpFailure.badRequest("every element of 'messages' must be an object");
      }
      Fields message = new Fields(element.asObject());
      String role =
          message.text("role").orElseThrow(() -> HttpFailure.badRequest("a message has no 'role'"));
      messages.add(new ChatMessage(role(role), content(message)));
    }
    return messages;
  }

  private static ChatMessage.Author role(String name) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "system", "developer" -> ChatMessage.Author.SYSTEM;
      case "user" -> ChatMessage.Author.USER;
      case "assistant" -> ChatMessage.Author.ASSISTANT;
      default ->
          throw HttpFailure.badRequest(
              "the role '%s' of a message is not one of system, user and assistant"
                  .formatted(name));
    };
  }

  /** A string, or parts of which each is text. */
  private static String content(Fields message) {
    Optional<JsonNode> content = message.node("content");
    if (content.isEmpty()) {
      return "";
    }
    if (content.get().isString()) {
      return content.get().stringValue();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content.get()) {
      if (!part.isObject() || !part.path("text").isString()) {
        throw HttpFailure.badRequest("the 'content' of a message must be text");
      }
      text.append(part.path("text").stringValue());
    }
    return text.toString();
  }
}
