// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import dev.millrace.Batching;
import dev.millrace.BlockingConnection;
import dev.millrace.Connection;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendOptions;
import dev.millrace.WebSocketControls;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The methods that are called, and which exceptions their Javadoc names. A null argument may be a
 * {@link NullPointerException} everywhere.
 */
final class KnownMethods {

  private static final Class<IllegalStateException> STATE = IllegalStateException.class;
  private static final Class<IllegalArgumentException> ARGUMENT = IllegalArgumentException.class;

  /** Whose methods must all be known. */
  private static final List<Class<?>> TYPES =
      List.of(
          Connection.class,
          Message.class,
          Lease.class,
          WebSocketControls.class,
          Handshake.class,
          SendOptions.class,
          BlockingConnection.class,
          ScheduledTask.class,
          Batching.class);

  private static final Map<String, Set<Class<?>>> DOCUMENTED = new LinkedHashMap<>();

  private static void add(Class<?> type, String signature, Class<?>... exceptions) {
    DOCUMENTED.put(type.getSimpleName() + '.' + signature, Set.of(exceptions));
  }

  static {
    Class<?> c = Connection.class;
    add(c, "id()");
    add(c, "send(Message)", STATE);
    add(c, "send(Lease)", STATE);
    add(c, "send(ByteBuffer)", ARGUMENT);
    add(c, "send(CharSequence)", ARGUMENT, STATE);
    add(c, "send(Message,SendOptions)", STATE);
    add(c, "send(Lease,SendOptions)", STATE);
    add(c, "send(ByteBuffer,SendOptions)", ARGUMENT);
    add(c, "send(CharSequence,SendOptions)", ARGUMENT, STATE);
    add(c, "sendAsync(Lease)", STATE);
    add(c, "sendAsync(ByteBuffer)", ARGUMENT);
    add(c, "sendAsync(CharSequence)", ARGUMENT, STATE);
    add(c, "sendAll(List)", STATE);
    add(c, "flush()");
    add(c, "lease(int)", ARGUMENT, STATE);
    add(c, "bufferedBytes()");
    add(c, "isWritable()");
    add(c, "pause()");
    add(c, "resume()");
    add(c, "request(long)", ARGUMENT);
    add(c, "requestBytes(long)", ARGUMENT);
    add(c, "batch(Batching)");
    add(c, "defaultSendOptions(SendOptions)");
    add(c, "pinnedBytes()");
    add(c, "queuedMessages()");
    add(c, "droppedMessages()");
    add(c, "close()");
    add(c, "close(int,String)", ARGUMENT);
    add(c, "isOpen()");
    add(c, "closed()");
    add(c, "attach(Object)");
    add(c, "attachment()");
    add(c, "attachment(Class)", STATE, ClassCastException.class);
    add(c, "handshake()");
    add(c, "execute(Runnable)");
    add(c, "schedule(Runnable,Duration)", STATE);
    add(c, "webSocket()");
    for (String name : List.of("kind", "length", "payload", "text", "toByteArray", "retain")) {
      add(Message.class, name + "()", STATE);
    }
    for (String name : List.of("buffer", "capacity", "offset", "length", "kind")) {
      add(Lease.class, name + "()", STATE);
    }
    add(Lease.class, "range(int,int)", ARGUMENT, STATE);
    add(Lease.class, "close()");
    for (String name : List.of("ping", "roundTripTime", "subprotocol")) {
      add(WebSocketControls.class, name + "()");
    }
    for (String name :
        List.of(
            "path",
            "query",
            "parameters",
            "headers",
            "subprotocol",
            "attributes",
            "remoteAddress",
            "proxyAddress",
            "peer")) {
      add(Handshake.class, name + "()");
    }
    add(Handshake.class, "parameter(String)", ARGUMENT);
    add(Handshake.class, "header(String)");
    add(Handshake.class, "attribute(String,Class)", ClassCastException.class);
    Class<?> o = SendOptions.class;
    add(o, "defaults()");
    add(o, "withPolicy(Policy)");
    add(o, "withPriority(int)", ARGUMENT);
    add(o, "withReplacementKey(String)");
    add(o, "withCompress(boolean)");
    for (String name :
        List.of("policy", "priority", "replacementKey", "compress", "toString", "hashCode")) {
      add(o, name + "()");
    }
    add(o, "equals(Object)");
    Class<?> b = BlockingConnection.class;
    add(b, "connection()");
    add(b, "send(CharSequence)", ARGUMENT, STATE, InterruptedException.class);
    add(b, "send(ByteBuffer)", ARGUMENT, InterruptedException.class);
    add(b, "receive()", STATE, InterruptedException.class);
    add(b, "receive(Duration)", STATE, InterruptedException.class);
    add(b, "close()");
    add(ScheduledTask.class, "cancel()");
    for (String name :
        List.of(
            "defaults", "none", "maxMessages", "maxBytes", "maxDelay", "toString", "hashCode")) {
      add(Batching.class, name + "()");
    }
    add(Batching.class, "equals(Object)");
  }

  private KnownMethods() {}

  static String name(Method method) {
    return method.getDeclaringClass().getSimpleName()
        + '.'
        + method.getName()
        + Arrays.stream(method.getParameterTypes())
            .map(Class::getSimpleName)
            .collect(Collectors.joining(",", "(", ")"));
  }

  /** What this type offers, in an order that does not change. */
  static List<Method> of(Class<?> type) {
    List<Method> methods = new ArrayList<>();
    for (Method method : type.getMethods()) {
      if (method.getDeclaringClass() == type && !method.isSynthetic()) {
        methods.add(method);
      }
    }
    methods.sort((a, b) -> name(a).compareTo(name(b)));
    return methods;
  }

  /** Whether a call may end so. */
  static boolean mayThrow(Method method, Object[] arguments, Throwable thrown) {
    if (thrown instanceof NullPointerException
        && Arrays.stream(arguments).anyMatch(Arguments::isOrHoldsNull)) {
      return true;
    }
    if (thrown instanceof Liar.Planted) {
      return true;
    }
    Set<Class<?>> documented = DOCUMENTED.get(name(method));
    if (documented == null) {
      // Servers and clients: whatever names a mistake of the caller.
      documented = Set.of(STATE, ARGUMENT, IndexOutOfBoundsException.class);
    }
    return documented.stream().anyMatch(type -> type.isInstance(thrown));
  }

  /** Methods that nobody calls, and rows without a method. */
  static Set<String> unknown() {
    Set<String> unknown = new TreeSet<>();
    Set<String> stale = new TreeSet<>(DOCUMENTED.keySet());
    for (Class<?> type : TYPES) {
      for (Method method : of(type)) {
        boolean called =
            DOCUMENTED.containsKey(name(method))
                && Arrays.stream(method.getParameterTypes()).allMatch(Arguments::canMake);
        if (!called && !Modifier.isStatic(method.getModifiers())) {
          unknown.add(name(method));
        }
        stale.remove(name(method));
      }
    }
    stale.forEach(row -> unknown.add("no such method: " + row));
    return unknown;
  }
}
