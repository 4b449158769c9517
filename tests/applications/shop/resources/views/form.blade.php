<!doctype html>
<title>Shop</title>
<script src="/build/app.js"></script>
<p>Seen {{ $seen }}. {{ session('said') }}</p>
@foreach ($errors->all() as $error)
<p>Wrong: {{ $error }}</p>
@endforeach
@foreach ($notes as $note)
<p>{{ $note->text }} @if ($note->picture)<a href="/storage/{{ $note->picture }}">picture</a>@endif</p>
@endforeach
<form method="post" action="/notes" enctype="multipart/form-data">
    @csrf
    <input name="text">
    <input type="file" name="picture">
    <button>Send</button>
</form>
