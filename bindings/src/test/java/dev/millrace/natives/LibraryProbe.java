// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import java.io.File;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * A program of its own, that says whether the native engine carries a server: {@code loaded} when
 * an echo came back, else the sentence of the exception.
 *
 * <p>It finds Millrace by reflection, since the packages may have other names, and more than one
 * class loader may have them.
 */
public final class LibraryProbe {
  static final String LOADED = "loaded";

  private LibraryProbe() {}

  /**
   * Prints one answer, or one for each class loader.
   *
   * @param arguments the package of Millrace; {@code once}, {@code twice} in two class loaders, or
   *     {@code stay} after the answer until the input ends
   * @throws Exception if it is neither carried nor refused
   */
  public static void main(String[] arguments) throws Exception {
    String prefix = arguments[0];
    switch (arguments[1]) {
      case "once" -> System.out.println(answer(LibraryProbe.class.getClassLoader(), prefix));
      case "twice" -> {
        URL[] classPath = classPath();
        try (URLClassLoader first = new URLClassLoader(classPath, parent());
            URLClassLoader second = new URLClassLoader(classPath, parent())) {
          System.out.println(answer(first, prefix));
          System.out.println(answer(second, prefix));
          System.out.println(answer(first, prefix));
        }
      }
      case "stay" -> {
        System.out.println(answer(LibraryProbe.class.getClassLoader(), prefix));
        while (System.in.read() >= 0) {}
      }
      default -> throw new IllegalArgumentException(arguments[1]);
    }
  }

  private static ClassLoader parent() {
    return ClassLoader.getPlatformClassLoader();
  }

  private static URL[] classPath() throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(new File(entry).toURI().toURL());
    }
    return urls.toArray(URL[]::new);
  }

  private static String answer(ClassLoader loader, String prefix) throws Exception {
    Class<?> serverType = loader.loadClass(prefix + ".Server");
    Class<?> builderType = loader.loadClass(prefix + ".Server$Builder");
    Class<?> handlerType = loader.loadClass(prefix + ".Handler");
    Class<?> engineType = loader.loadClass(prefix + ".Engine");
    Object builder = serverType.getMethod("builder").invoke(null);
    builderType
        .getMethod("engine", engineType)
        .invoke(builder, engineType.getField("NATIVE").get(null));
    builderType.getMethod("loops", int.class).invoke(builder, 1);
    builderType.getMethod("listen", String.class).invoke(builder, "ws://127.0.0.1:0");
    Object echo =
        Proxy.newProxyInstance(loader, new Class<?>[] {handlerType}, echo(loader, prefix));
    builderType.getMethod("route", String.class, handlerType).invoke(builder, "/", echo);
    Object server;
    try {
      server = builderType.getMethod("start").invoke(builder);
    } catch (InvocationTargetException e) {
      if (e.getCause().getClass().getName().equals(prefix + ".EngineUnavailableException")) {
        return e.getCause().getMessage();
      }
      throw e;
    }
    try (AutoCloseable closing = (AutoCloseable) server) {
      List<?> addresses = (List<?>) serverType.getMethod("addresses").invoke(closing);
      return exchange((URI) addresses.get(0));
    }
  }

  private static InvocationHandler echo(ClassLoader loader, String prefix) throws Exception {
    Class<?> connectionType = loader.loadClass(prefix + ".Connection");
    Class<?> messageType = loader.loadClass(prefix + ".Message");
    var send = connectionType.getMethod("send", messageType);
    return (proxy, method, arguments) ->
        method.isDefault()
            ? InvocationHandler.invokeDefault(proxy, method, arguments)
            : send.invoke(arguments[0], arguments[1]);
  }

  private static String exchange(URI address) throws Exception {
    CompletableFuture<String> answer = new CompletableFuture<>();
    WebSocket.Listener listener =
        new WebSocket.Listener() {
          @Override
          public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
            answer.complete(text.toString());
            return null;
          }

          @Override
          public void onError(WebSocket socket, Throwable error) {
            answer.completeExceptionally(error);
          }
        };
    WebSocket socket =
        HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(address, listener).join();
    socket.sendText(LOADED, true).join();
    try {
      return answer.get(30, TimeUnit.SECONDS);
    } finally {
      socket.abort();
    }
  }
}
